#include "lamina/tasks/evaluate.h"

#include <algorithm>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/report/report.h"
#include "lamina/tasks/kind.h"
#include "lamina/tasks/tagging.h"
#include "lamina/train/checkpoint.h"

namespace lamina::tasks {

namespace {

std::string name_of_class(const std::vector<std::string>& classes, int64_t id) {
  return static_cast<size_t>(id) < classes.size() ? classes[static_cast<size_t>(id)] : std::to_string(id);
}

std::string worst_pairs(const std::vector<double>& counts, int64_t n, const std::vector<std::string>& classes) {
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < n * n; ++i) {
    if (i / n != i % n && counts[static_cast<size_t>(i)] > 0) cells.push_back(i);
  }
  const auto count = [&](int64_t i) { return counts[static_cast<size_t>(i)]; };
  std::stable_sort(cells.begin(), cells.end(), [&](int64_t a, int64_t b) { return count(a) > count(b); });
  std::string text = "most often confused (true → predicted)\n";
  for (size_t k = 0; k < std::min<size_t>(cells.size(), 10); ++k) {
    text += "  " + name_of_class(classes, cells[k] / n) + " → " + name_of_class(classes, cells[k] % n) + ": " +
            std::to_string(static_cast<int64_t>(count(cells[k]))) + "\n";
  }
  return text;
}

std::string flush_right(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace

Trained load_trained(const Run& run) {
  Trained t{make_plan(run.recipe, run.facts, run.recipe), nullptr};
  train::load_weights(t.plan.task->module(), run.path);
  t.plan.options.progress = false;
  t.plan.options.run_dir = run.path;
  t.trainer = t.plan.trainer();
  data::Transforms transforms = eval_transforms(run.recipe, run.facts);
  for (const data::TransformPtr& p : make_kind(run.recipe, run.facts)->preparation()) transforms.push_back(p);
  t.trainer->set_transforms({}, transforms);
  return t;
}

train::Results evaluate(const Run& run, const data::DatasetPtr& set, const std::string& picture) {
  make_kind(run.recipe, run.facts)->check_same(run, set->info());
  const Trained trained = load_trained(run);
  train::Results results = trained.trainer->evaluate(set);
  if (set->info().target == data::TargetKind::tags) add_tuned_scores(*trained.trainer, set, run.path, results);
  if (picture.empty()) return results;
  report::Report page;
  trained.plan.task->add_results(page, results, *trained.trainer, set);
  if (page.figures.empty()) throw Error("--pictures", "the task of this run shows no pictures");
  io::write_file_atomically(picture, page.figures.front().png);
  return results;
}

Run with_views(Run run, const std::string& views) {
  const auto refuse = [&](const std::string& what, const std::string& hint) -> Error {
    return Error("--views", what).hint(hint);
  };
  if (views != "ten_crop" && views != "five_crop" && views != "flip") {
    throw refuse("expected ten_crop, five_crop or flip, got \"" + views + "\"", "for example --views ten_crop");
  }
  recipe::Setting& list = run.recipe.field("transforms").field("eval");
  if (views == "flip") {
    recipe::Setting added;
    added.kind = recipe::Setting::Kind::map;
    added.field("name") = recipe::Setting::scalar("flip_views", "--views");
    list.items.push_back(added);
    run.facts.transforms.insert(run.facts.transforms.rfind(']'), list.items.size() > 1 ? ",{}" : "{}");
    return run;
  }
  for (recipe::Setting& item : list.items) {
    const recipe::Setting* name = item.find("name");
    if (!name || name->text != "center_crop") continue;
    recipe::Setting crop;
    crop.kind = recipe::Setting::Kind::map;
    crop.origin = item.origin;
    crop.field("name") = recipe::Setting::scalar(views, item.origin);
    crop.field("size") = *item.find("size");
    item = crop;
    return run;
  }
  throw refuse("this run has no center_crop among its transforms for evaluation that " + views + " could replace",
               "use --views flip, or put " + views + " into transforms.eval of a recipe");
}

std::string confusion_text(const Tensor& counts, const std::vector<std::string>& classes) {
  const int64_t n = counts.size(0);
  const std::vector<double> values = counts.values();
  if (n > 20) return worst_pairs(values, n, classes);
  size_t width = 4, label = 4;
  for (int64_t i = 0; i < n; ++i) label = std::max(label, name_of_class(classes, i).size());
  for (const double v : values) width = std::max(width, std::to_string(static_cast<int64_t>(v)).size());
  width = std::max(width, std::min<size_t>(label, 10));
  std::string text = "confusion matrix: rows are true, columns predicted\n" + std::string(label + 2, ' ');
  for (int64_t c = 0; c < n; ++c) text += " " + flush_right(name_of_class(classes, c).substr(0, width), width);
  text += "\n";
  for (int64_t r = 0; r < n; ++r) {
    text += "  " + flush_right(name_of_class(classes, r), label);
    for (int64_t c = 0; c < n; ++c) {
      const auto v = static_cast<int64_t>(values[static_cast<size_t>(r * n + c)]);
      text += " " + flush_right(v == 0 ? "." : std::to_string(v), width);
    }
    text += "\n";
  }
  return text;
}

}  // namespace lamina::tasks
