// The kinds of tasks: what a network is to do with the data of a recipe. A kind says how inputs and targets are made
// from examples, which loss and metrics go with it, and what evaluation, prediction and report show. docs/add-a-task.md
// tells how to add one: a file, and a line of the table in kind_table.cpp.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/data/transform.h"
#include "lamina/metrics/metric.h"
#include "lamina/nn/loss.h"
#include "lamina/recipe/setting.h"
#include "lamina/tasks/facts.h"
#include "lamina/tasks/predict.h"
#include "lamina/train/task.h"

namespace lamina::tasks {

class TaskKind : public std::enable_shared_from_this<TaskKind> {
 public:
  virtual ~TaskKind() = default;

  // From the data to batches.

  /// The examples to go through for those of a part: windows of a text, several patches of a picture. Default: the
  /// part.
  virtual data::DatasetPtr view(const data::DatasetPtr& part, bool training) const;
  /// Are the targets those of the data set, so that other data need the same classes or columns?
  virtual bool learns_targets() const { return true; }
  /// Learns what the task needs of the training part (a vocabulary), and throws Error where the data do not suit it.
  /// `transforms` are the recipe's for evaluation.
  virtual void fit(const data::Dataset& train, const data::Transforms& transforms);
  /// What fit() learnt, as JSON, and back. "{}" where there is nothing.
  virtual std::string state() const { return "{}"; }
  virtual void load_state(const std::string& json) { static_cast<void>(json); }
  /// Transforms after those of the recipe, which turn the example of a data set into the fields of a batch:
  /// {input, target, …}. What they draw at random is a function of (seed, epoch, index). Default: none.
  virtual data::Transforms preparation() const { return {}; }
  /// How many outputs a network for it has, given a prepared example: classes, columns, channels.
  virtual int64_t outputs(const data::Example& prepared, const data::DatasetInfo& info) const;

  // What is learnt.

  /// In YAML, where the recipe has none: "mse", "[psnr, ssim]". default_loss() throws Error where there is none.
  virtual std::string default_loss() const = 0;
  virtual std::string default_metrics() const = 0;
  /// By name, the task's own or one that all tasks know. Throws Error with the nearest name.
  virtual metrics::MetricPtr make_metric(const std::string& name, const data::DatasetInfo& info) const;
  /// Network, loss and metrics as a task. Default: train::Supervised.
  virtual std::unique_ptr<train::Task> assemble(const nn::Layer& net, const LossFn& loss,
                                                std::vector<metrics::MetricPtr> metrics, const Facts& facts) const;
  /// From the sections model, loss and metrics to a task. `resolved` receives them with all defaults. Tasks whose
  /// network is no layer (several inputs, several networks) make theirs here. Default: make_network(), assemble().
  virtual std::unique_ptr<train::Task> make_task(const recipe::Setting& recipe, const Facts& facts,
                                                 recipe::Setting& resolved) const;

  // What a trained network is used for.

  /// Throws Error where a run's network cannot be evaluated on other data. Default: where inputs have another shape
  /// after the transforms, or targets are of another kind or number.
  virtual void check_same(const Run& run, const data::DatasetInfo& other) const;
  /// What the network says of files. Default: classes, tags or values of pictures and rows of tables.
  virtual std::vector<Prediction> predict(const Run& run, const std::vector<std::string>& files,
                                          const PredictOptions& options) const;
  /// Are these predictions pictures?
  virtual bool makes_pictures() const { return false; }
};

using TaskKindPtr = std::shared_ptr<TaskKind>;

/// All kinds that recipes can name.
std::span<const Entry<TaskKind, data::DatasetInfo>> kind_table();

/// The kind of a recipe: its section `task`, or by the targets of the data: classify, tag, regress. `resolved` receives
/// the section.
TaskKindPtr make_kind(const recipe::Setting& recipe, const data::DatasetInfo& info,
                      recipe::Setting* resolved = nullptr);
/// The same with what it learnt of the data.
TaskKindPtr make_kind(const recipe::Setting& recipe, const Facts& facts);

// The entries of the table, each in its file.
std::unique_ptr<TaskKind> make_classify(FieldVisitor& visitor, const data::DatasetInfo& info);
std::unique_ptr<TaskKind> make_tag(FieldVisitor& visitor, const data::DatasetInfo& info);
std::unique_ptr<TaskKind> make_regress(FieldVisitor& visitor, const data::DatasetInfo& info);
std::unique_ptr<TaskKind> make_reconstruct(FieldVisitor& visitor, const data::DatasetInfo& info);
std::unique_ptr<TaskKind> make_denoise(FieldVisitor& visitor, const data::DatasetInfo& info);
std::unique_ptr<TaskKind> make_colorize(FieldVisitor& visitor, const data::DatasetInfo& info);
std::unique_ptr<TaskKind> make_super_resolution(FieldVisitor& visitor, const data::DatasetInfo& info);

}  // namespace lamina::tasks
