#include "lamina/tasks/reference.h"

#include <array>
#include <map>

#include "lamina/core/error.h"
#include "lamina/data/open.h"
#include "lamina/data/transform.h"
#include "lamina/metrics/metric.h"
#include "lamina/models/registry.h"
#include "lamina/nn/init.h"
#include "lamina/nn/loss.h"
#include "lamina/optim/optimizer.h"
#include "lamina/optim/schedule.h"
#include "lamina/recipe/resolver.h"
#include "lamina/tasks/kind.h"
#include "lamina/tasks/transfer.h"
#include "lamina/train/trainer.h"

namespace lamina::tasks {

namespace {

using Field = recipe::FieldLister::Field;

constexpr const char* kHead = R"(# Recipes

A recipe is a YAML file that describes an experiment: data, network, loss, optimizer, schedule, training, metrics.
`lamina train recipe.yaml` runs it, and the run directory keeps it with all defaults filled in, so that it can be repeated.
This page is made by `lamina recipe reference` from the tables that recipes are read with.

```yaml
seed:       1
data:       {format: idx, root: data/mnist, validation: 0.1}
transforms: {train: [scale, normalize], eval: [scale, normalize]}
model:      {name: lenet5}
loss:       {name: cross_entropy}
optimizer:  {name: adam, lr: 1e-3, weight_decay: 0}
schedule:   {name: cosine, warmup: 0.05}
trainer:    {epochs: 12, batch: 64, early_stopping: {metric: accuracy, patience: 3}}
metrics:    [accuracy, confusion_matrix]
```

- Only `data` and `model` must be given. A section that needs a name alone may be a word: `optimizer: adam`.
- Any key can be set from the command line: `--set optimizer.lr=0.01`, `--set model.hidden=[300,100]`,
  `--set model.layers.0.conv2d.out=16`. The value is YAML.
- A mistake is reported with file, line and column, what was expected, and the nearest valid name.
- Where a default is said to be *from the data*, it is the shape of the inputs or the number of classes.
)";

constexpr const char* kModelText = R"(
Either an architecture by name with its options, or a list of layers:

```yaml
model:
  layers:
    - conv2d: {out: 32, kernel: 3, padding: 1}
    - relu
    - max_pool2d: 2              # short for {kernel: 2}: the first option
    - residual:                  # x + the layers of x; or {body: [...], shortcut: [...]}
        - conv2d: {out: 32, kernel: 3, padding: 1}
        - batch_norm2d
    - branches:                  # results joined along the channels
        - [{conv2d: {out: 16, kernel: 1}}]
        - [{conv2d: {out: 16, kernel: 3, padding: 1}}, relu]
    - flatten
    - linear                     # out: as many as the data has classes
```

What a layer takes in follows from the layer before it. Also `sequential: [...]`, a list within the list.
)";

const std::map<std::string, std::string>& data_docs() {
  static const std::map<std::string, std::string> docs{
      {"format",
       "idx, cifar10, cifar100, csv, folder (a folder of pictures per class), manifest (a table of pictures and their "
       "classes or tags) or builtin"},
      {"root", "folder (csv, manifest: or file); looked for also in $LAMINA_DATA and where `lamina data get` puts it"},
      {"name", "builtin: which set; others: what it is called"},
      {"test_fraction", "part held out for testing, where the set has no test part of its own"},
      {"validation", "fraction of the training part held out for validation"},
      {"split", "stratified (default of classes), random, time or group"},
      {"seed", "of the splits; the run's seed does not change them"},
      {"limit", "at most so many training and test examples; 0: all"},
      {"test", "csv: the file of the test rows"},
      {"target", "csv, manifest: target columns; default: the last"},
      {"features", "csv: input columns; default: all others"},
      {"categories", "csv: features that hold words: a column of 0 and 1 for each word"},
      {"kind", "csv, manifest: of the target: classes, values or tags; default: told by its content"},
      {"group", "csv: a column; with split: group no value of it is on both sides"},
      {"missing", "csv: error, or drop (the row)"},
      {"separator", "csv: comma, semicolon, tab or space; default: guessed"},
      {"header", "csv: yes or no; default: guessed"},
      {"window", "csv: a series: inputs are so many rows; 0: rows are examples"},
      {"horizon", "csv: with window: the target is so many rows later"},
      {"classes", "names of the classes in the order of their ids; default: as found"},
      {"keep_classes", "only the examples of these classes, with ids in this order"},
      {"per_class", "at most so many training examples of each class; 0: all"},
      {"channels", "pictures: 1 or 3; default: 3 if any has colours"},
      {"on_bad_image", "pictures: error, or skip: files that cannot be read are listed and left out"},
      {"cache_mb", "pictures: memory for those that are decoded"},
      {"path", "manifest: the column of file names; default: the one called path, file, …"},
      {"images", "manifest: the folder that the names are relative to, from that of the manifest"},
      {"tag_separator", "manifest: between the tags of a cell; default: guessed among ; | , and space"}};
  return docs;
}

const std::map<std::string, std::string>& group_docs() {
  static const std::map<std::string, std::string> docs{
      {"match", "dotted paths: `*` stands for any characters, `?` for one, `|` separates alternatives"},
      {"lr_scale", "times the optimizer's rate"},
      {"weight_decay", "instead of the optimizer's; below 0: the optimizer's"}};
  return docs;
}

constexpr const char* kGroupText = R"(
`groups` gives parameters a rate and a weight decay of their own; of several groups that match, the last one counts.
`lamina info` shows the paths.

```yaml
optimizer:
  name: adamw
  lr: 1e-3
  weight_decay: 0.01
  groups:
    - {match: "features.*", lr_scale: 0.1}
    - {match: "*.bias", weight_decay: 0}
```
)";

const std::map<std::string, std::string>& trainer_docs() {
  static const std::map<std::string, std::string> docs{
      {"epochs", "passes over the training part"},
      {"batch", "examples per step"},
      {"seed", ""},  // the recipe's own
      {"accumulate",
       "parts that each batch is computed in, one after the other: less memory for the same step, but that batch "
       "normalization sees the parts alone"},
      {"ema_decay", "exponential average of the weights, evaluated and saved in their place: 0.999; 0: none"},
      {"swa_epochs", "average of the weights at the ends of the last so many epochs (Izmailov et al. 2018); 0: none"},
      {"workers", "threads that prepare batches; the results do not depend on it"},
      {"clip_norm", "global norm of the gradients at most; 0: any"},
      {"clip_value", "each gradient element at most; 0: any"},
      {"l1", "penalty l1·Σ|w| on weights"},
      {"l2", "penalty l2·Σw² on weights"},
      {"checkpoint_steps", "steps between checkpoints, besides the end of each epoch; 0: none"},
      {"keep", "checkpoints kept besides best and last"},
      {"best_metric", "what the best epoch is told by; default: the first metric, else the loss"},
      {"patience", "epochs without improvement before stopping early; 0: never"},
      {"validate_every", "epochs between validations"},
      {"freeze", "layers or parameters (dotted paths with `*`, `?`, `|`) that keep their values: [conv1, \"*.bias\"]"},
      {"unfreeze", "when they begin to train after all: [{epoch: 3, layers: [conv2]}], epochs from 1"},
      {"log_steps", "steps between lines of the log"},
      {"statistics_steps", "steps between gradient and weight norms in the log; 0: none"},
      {"allow_unused", "parameters that the loss does not reach are no error"},
      {"compile", "false: run eagerly"},
      {"memory", "keep; or recompute: make forward values again for the backward pass, with less memory and more time"},
      {"disabled_passes", "optimisation passes left out, by name"},
      {"run_dir", ""},
      {"progress", ""},
      {"handle_signals", ""}};
  return docs;
}

constexpr const char* kInitText = R"(
Weights of a trained network to begin with ([transfer learning](transfer-learning.md)); `init: runs/a` is short for
`{from: runs/a}`, and `--init-from runs/a` sets it. A new run reads it; `--resume` goes on from its checkpoint. What is
neither filled nor excepted is an error.
)";

const std::map<std::string, std::string>& init_docs() {
  static const std::map<std::string, std::string> docs{
      {"from", "a run directory (its best checkpoint), or a safetensors file"},
      {"except",
       "layers or tensors that keep their own values (dotted paths with `*`, `?`, `|`), or of the file are "
       "not used"},
      {"resize", "convolutions that may come with another size of kernel or number of input channels"},
      {"new_head", "the last layer begins anew, and so does what has another number of classes"}};
  return docs;
}

std::string code(const std::string& text) { return "`" + text + "`"; }

/// A key with an empty meaning is none of recipes. Throws Error for one that has been given no meaning.
std::string table_of(const std::vector<Field>& fields, const std::map<std::string, std::string>& docs) {
  std::string text = "\n| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const Field& f : fields) {
    const auto doc = docs.find(f.name);
    if (doc == docs.end()) throw Error("recipe reference", "the key \"" + f.name + "\" has no meaning here");
    if (doc->second.empty()) continue;
    text += "| " + code(f.name) + " | " + f.type + " | " + code(f.value) + " | " + doc->second + " |\n";
  }
  return text;
}

/// Fields of an entry. What differs between two kinds of data is inferred from them.
template <class E, class... Context>
std::vector<Field> fields_of(const E& entry, const Context&... context) {
  recipe::FieldLister lister;
  try {
    entry.make(lister, context...);
  } catch (const Error&) {
    // Defaults may lack what a recipe must give; the fields have been visited by then.
  }
  return lister.fields();
}

std::string options_text(const std::vector<Field>& fields) {
  std::string text;
  for (const Field& f : fields) {
    text += (text.empty() ? "" : ", ") + code(f.name) + " " +
            (f.value == "*"   ? "*from the data*"
             : f.value == "?" ? "*required*"
                              : f.value);
  }
  return text;
}

template <class E>
std::string entries(std::span<const E> table) {
  std::string text = "\n| name | what it is | options and defaults |\n|---|---|---|\n";
  for (const E& e : table) {
    text += "| " + code(std::string(e.name)) + " | " + std::string(e.doc) + " | " + options_text(fields_of(e)) + " |\n";
  }
  return text;
}

std::string kind_entries() {
  std::string text = "\n| name | what it is | options and defaults |\n|---|---|---|\n";
  for (const auto& e : kind_table()) {
    text += "| " + code(std::string(e.name)) + " | " + std::string(e.doc) + " | " +
            options_text(fields_of(e, data::DatasetInfo{})) + " |\n";
  }
  return text;
}

/// The layers' numbers without a default.
bool may_not_be_zero(const std::string& name) { return name == "out" || name == "rows" || name == "dim"; }

std::string model_entries(std::span<const Entry<nn::Layer, models::ModelInput>> table) {
  // Two data sets of each rank that layers take.
  static const std::array<std::array<Shape, 2>, 4> kShapes{{{Shape{3, 32, 32}, Shape{5, 40, 48}},
                                                            {Shape{3, 32}, Shape{5, 40}},
                                                            {Shape{3, 16, 16, 16}, Shape{5, 12, 14, 18}},
                                                            {Shape{30}, Shape{40}}}};
  std::string text = "\n| name | what it is | options and defaults |\n|---|---|---|\n";
  for (const auto& e : table) {
    std::vector<Field> fields;
    for (const auto& [one, other] : kShapes) {
      fields = fields_of(e, models::ModelInput{one, 7, DType::f32});
      const std::vector<Field> again = fields_of(e, models::ModelInput{other, 9, DType::f32});
      for (size_t i = 0; i < fields.size(); ++i) {
        if (again[i].value != fields[i].value) fields[i].value = "*";
        if (fields[i].value == "0" && may_not_be_zero(fields[i].name)) fields[i].value = "?";
      }
      if (!fields.empty()) break;
    }
    text += "| " + code(std::string(e.name)) + " | " + std::string(e.doc) + " | " + options_text(fields) + " |\n";
  }
  return text;
}

std::string words(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : ", ") + code(n);
  return text;
}

}  // namespace

std::string recipe_reference() {
  const nn::init::ShapesOnly nothing_drawn;  // networks are made to list their options
  data::DataOptions data;
  recipe::FieldLister data_fields, trainer_fields;
  data.visit(data_fields);
  optim::ParamGroup group;
  recipe::FieldLister group_fields;
  group.visit(group_fields);
  train::TrainerOptions trainer;
  trainer.visit(trainer_fields);
  InitSection init;
  recipe::FieldLister init_fields;
  init.visit(init_fields);
  return kHead +
         std::string(
             "\n## seed\n\nA whole number (default 1): weights, order of the examples, augmentation, dropout.\n") +
         "\n## task\n\nWhat the network is to do. Default: `classify`, `tag` or `regress`, by the targets of the data. "
         "Tasks "
         "on pictures measure pixels from 0 to 1, so their transforms have `scale` and no `normalize`.\n" +
         kind_entries() + "\n## data\n" + table_of(data_fields.fields(), data_docs()) +
         "\n## transforms\n\nOne list for training and evaluation, or `{train: [...], eval: [...]}`. Default: "
         "`[scale]` for "
         "pictures, `[standardize]` for tables. An item is a name, or a name with options: `{random_crop: {size: 32, "
         "padding: 4}}`.\n" +
         entries(data::transform_table()) + "\n## model\n" + kModelText + "\n### Architectures\n" +
         model_entries(models::model_table()) + "\n### Layers\n" + model_entries(models::layer_table()) +
         "\n## init\n" + kInitText + table_of(init_fields.fields(), init_docs()) +
         "\n## loss\n\nDefault: `cross_entropy` for classes, `bce_with_logits` for tags, `mse` for values.\n" +
         entries(loss_table()) + "\n## optimizer\n\nDefault: `adam`.\n" + entries(optim::optimizer_table()) +
         kGroupText + table_of(group_fields.fields(), group_docs()) +
         "\n## schedule\n\nDefault: `constant`. The optimizer's rate is multiplied by it. `warmup` is the fraction of "
         "the run "
         "that a linear rise takes.\n" +
         entries(optim::schedule_table()) + "\n## trainer\n" + table_of(trainer_fields.fields(), trainer_docs()) +
         "\n`early_stopping: {metric: accuracy, patience: 3}` sets `best_metric` and `patience`.\n" +
         "\n## metrics\n\nA list of names. Default: `[accuracy, confusion_matrix]` for classes, `[map, f1_macro, "
         "f1_micro]` for tags, `[mae, rmse, r2]` for "
         "values. There are " +
         words(metrics::metric_names()) + ".\n";
}

}  // namespace lamina::tasks
