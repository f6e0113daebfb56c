// What a network with one output per class, tag or column says of files.

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "lamina/core/error.h"
#include "lamina/data/transforms.h"
#include "lamina/engine/tape.h"
#include "lamina/io/csv.h"
#include "lamina/io/image.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/softmax.h"
#include "lamina/tasks/kind.h"
#include "lamina/tasks/pictures.h"
#include "lamina/tasks/tagging.h"

namespace lamina::tasks {

namespace {

/// An input as the data set would give it, and what to call it.
struct Input {
  std::string label;
  Tensor value;
};

/// A picture with the channels of the training pictures, and their size unless the transforms take any.
Input read_input(const std::string& file, const Run& run, const data::Transforms& transforms, bool invert) {
  const Shape& wanted = run.facts.info.input;
  Tensor picture = read_picture(file, wanted[0], invert);
  const auto fits = [&] {
    try {
      return data::output_shape(transforms, picture.shape()) == run.facts.input;
    } catch (const Error&) {
      return false;
    }
  };
  if (!fits()) picture = transformed(*data::transforms::resize({.size = {wanted[1], wanted[2]}}), picture);
  return {file, picture};
}

/// The column of a feature, and the word that it stands for in a column of words ("colour=red").
struct Column {
  int64_t index = 0;
  std::string word;
};

std::vector<Column> columns_for(const io::CsvTable& table, const std::vector<std::string>& features) {
  const auto position = [&table](const std::string& name) -> int64_t {
    const auto& all = table.columns();
    const auto it = std::find(all.begin(), all.end(), name);
    return it == all.end() ? -1 : it - all.begin();
  };
  std::vector<Column> columns;
  std::string missing;
  for (const std::string& feature : features) {
    const size_t equals = feature.rfind('=');
    if (const int64_t whole = position(feature); whole >= 0) {
      columns.push_back({whole, ""});
    } else if (const int64_t part = equals == std::string::npos ? -1 : position(feature.substr(0, equals)); part >= 0) {
      columns.push_back({part, feature.substr(equals + 1)});
    } else {
      missing += (missing.empty() ? "" : ", ") + feature;
    }
  }
  if (missing.empty()) return columns;
  if (columns.empty() && table.columns().size() == features.size()) {  // no header: in order
    for (size_t i = 0; i < features.size(); ++i) columns.push_back({static_cast<int64_t>(i), ""});
    return columns;
  }
  NameList there;
  for (const std::string& c : table.columns()) there.add(c);
  throw Error(table.name(), "these columns are missing: " + missing).detail("there are: " + there.str());
}

/// Throws where a cell of words holds none that the network knows.
void check_words(const io::CsvTable& table, int64_t row, const std::vector<Column>& columns) {
  std::map<int64_t, NameList> words;
  std::set<int64_t> known;
  for (const Column& c : columns) {
    if (c.word.empty()) continue;
    words[c.index].add(c.word);
    if (table.cell(row, c.index) == c.word) known.insert(c.index);
  }
  for (const auto& [index, names] : words) {
    if (known.contains(index)) continue;
    throw Error(table.place(row), "column \"" + table.columns()[static_cast<size_t>(index)] + "\": \"" +
                                      table.cell(row, index) + "\" is no category of the training rows")
        .hint("there are: " + names.str().substr(0, 300));
  }
}

void read_rows(const std::string& file, const Run& run, std::vector<Input>& inputs) {
  const io::CsvTable table = io::read_csv(file, csv_options(run.recipe));
  const std::vector<Column> columns = columns_for(table, run.facts.info.features);
  for (int64_t row = 0; row < table.rows(); ++row) {
    std::vector<float> values;
    for (const Column& c : columns) {
      values.push_back(c.word.empty() ? static_cast<float>(table.number(row, c.index))
                                      : static_cast<float>(table.cell(row, c.index) == c.word));
    }
    check_words(table, row, columns);
    inputs.push_back({table.place(row), Tensor::from(values, {static_cast<int64_t>(values.size())})});
  }
}

std::vector<Answer> answers_of(const std::vector<double>& scores, const data::DatasetInfo& info, int64_t top) {
  std::vector<Answer> answers;
  for (size_t i = 0; i < scores.size(); ++i) {
    answers.push_back({i < info.classes.size() ? info.classes[i] : std::to_string(i), scores[i]});
  }
  if (info.target != data::TargetKind::classes) return answers;
  std::stable_sort(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) { return a.value > b.value; });
  if (static_cast<int64_t>(answers.size()) > top) answers.resize(static_cast<size_t>(top));
  return answers;
}

/// One forward pass for one input [views, …]: files may lead to different shapes. The mean over the views.
std::vector<double> scores_of(nn::Layer& net, const Tensor& x, data::TargetKind target) {
  const NoGrad no_grad;
  const nn::ModeScope eval(nn::Mode::eval);
  Tensor y = net(x);
  if (target == data::TargetKind::classes) y = softmax(y, -1);
  if (target == data::TargetKind::tags) y = sigmoid(y);
  return (x.size(0) > 1 ? mean(y, {0}) : y).values();
}

}  // namespace

std::vector<Prediction> predict(const Run& run, const std::vector<std::string>& files, const PredictOptions& options) {
  return make_kind(run.recipe, run.facts)->predict(run, files, options);
}

bool makes_pictures(const Run& run) { return make_kind(run.recipe, run.facts)->makes_pictures(); }

std::vector<Prediction> TaskKind::predict(const Run& run, const std::vector<std::string>& files,
                                          const PredictOptions& options) const {
  if (options.top < 1) throw Error("--top", "expected 1 or more, got " + std::to_string(options.top));
  const data::Transforms transforms = eval_transforms(run.recipe, run.facts);
  std::vector<Input> inputs;
  for (const std::string& file : files) {
    if (run.facts.info.input.rank() == 3) {
      inputs.push_back(read_input(file, run, transforms, options.invert));
    } else {
      read_rows(file, run, inputs);
    }
  }
  const nn::LayerPtr net = trained_network(run);
  const bool tags = run.facts.info.target == data::TargetKind::tags;
  const std::vector<double> thresholds = tags ? load_thresholds(run.path, run.facts.info) : std::vector<double>();
  std::vector<Prediction> predictions;
  for (const Input& input : inputs) {
    const data::Example example = data::apply_all(transforms, {input.value}, 0, 0, 0);
    Tensor x = example[0];
    if (x.dtype() == DType::u8) x = cast(x, DType::f32) / 255.0;
    if (data::views_of(transforms) == 1) x = unsqueeze(x, 0);
    if (Shape one = x.shape(); one.erase(0), one != run.facts.input) {
      throw Error(input.label,
                  "the network takes inputs of shape " + run.facts.input.str() + ", this one is " + one.str());
    }
    predictions.push_back(
        {input.label, answers_of(scores_of(*net, x, run.facts.info.target), run.facts.info, options.top), {}});
    std::vector<Answer>& answers = predictions.back().answers;
    for (size_t i = 0; tags && i < answers.size(); ++i) answers[i].set = answers[i].value >= thresholds.at(i);
  }
  return predictions;
}

}  // namespace lamina::tasks
