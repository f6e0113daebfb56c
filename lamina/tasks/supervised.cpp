// Classification, tagging and regression: the targets are those of the data set.
#include "lamina/core/error.h"
#include "lamina/tasks/kind.h"

namespace lamina::tasks {

namespace {

class FromTargets final : public TaskKind {
 public:
  explicit FromTargets(data::TargetKind target) : target_(target) {}

  std::string default_loss() const override {
    switch (target_) {
      case data::TargetKind::classes:
        return "cross_entropy";
      case data::TargetKind::tags:
        return "bce_with_logits";
      case data::TargetKind::values:
        return "mse";
      case data::TargetKind::none:
      case data::TargetKind::text:
        break;
    }
    throw Error("loss", "the data has no targets, so there is no loss for it by default")
        .hint("name one: loss: mse; pictures of classes lie in a folder for each class");
  }

  std::string default_metrics() const override {
    switch (target_) {
      case data::TargetKind::classes:
        return "[accuracy, confusion_matrix]";
      case data::TargetKind::values:
        return "[mae, rmse, r2]";
      case data::TargetKind::tags:
        return "[map, f1_macro, f1_micro]";
      default:
        return "[]";
    }
  }

 private:
  data::TargetKind target_;
};

std::unique_ptr<TaskKind> for_targets(const char* name, data::TargetKind wanted, const data::DatasetInfo& info) {
  // Data without targets may get some by transforms.
  if (info.target != wanted && info.target != data::TargetKind::none) {
    throw Error(name, "needs data with " + name_of(wanted) + " as targets; those of " + info.name + " are " +
                          name_of(info.target));
  }
  return std::make_unique<FromTargets>(info.target);
}

}  // namespace

std::unique_ptr<TaskKind> make_classify(FieldVisitor&, const data::DatasetInfo& info) {
  return for_targets("classify", data::TargetKind::classes, info);
}

std::unique_ptr<TaskKind> make_tag(FieldVisitor&, const data::DatasetInfo& info) {
  return for_targets("tag", data::TargetKind::tags, info);
}

std::unique_ptr<TaskKind> make_regress(FieldVisitor&, const data::DatasetInfo& info) {
  return for_targets("regress", data::TargetKind::values, info);
}

}  // namespace lamina::tasks
