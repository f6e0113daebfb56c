// The table of tasks, and which one a recipe means.
#include "lamina/recipe/resolver.h"
#include "lamina/tasks/kind.h"

namespace lamina::tasks {

using recipe::Setting;

std::span<const Entry<TaskKind, data::DatasetInfo>> kind_table() {
  static constexpr Entry<TaskKind, data::DatasetInfo> kTable[] = {
      {"classify", "a class for each example", make_classify},
      {"tag", "any number of tags for each example", make_tag},
      {"regress", "numbers for each example", make_regress},
      {"reconstruct", "pictures from themselves, through a narrow network: an autoencoder", make_reconstruct},
      {"denoise", "clean pictures from noisy ones (Vincent et al. 2010)", make_denoise},
      {"colorize", "colours (a, b of CIE L*a*b*) from lightness", make_colorize},
      {"super_resolution", "pictures two or three times as large", make_super_resolution},
  };
  return kTable;
}

namespace {

const char* kind_for(data::TargetKind target) {
  switch (target) {
    case data::TargetKind::classes:
      return "classify";
    case data::TargetKind::tags:
      return "tag";
    default:
      return "regress";
  }
}

}  // namespace

TaskKindPtr make_kind(const Setting& recipe, const data::DatasetInfo& info, Setting* resolved) {
  const Setting* given = recipe.find("task");
  const Setting section =
      given && given->defined() ? *given : Setting::scalar(kind_for(info.target), "default of task");
  return recipe::make_named(kind_table(), section, "task", resolved, info);
}

TaskKindPtr make_kind(const Setting& recipe, const Facts& facts) {
  TaskKindPtr kind = make_kind(recipe, facts.info);
  kind->load_state(facts.task);
  return kind;
}

}  // namespace lamina::tasks
