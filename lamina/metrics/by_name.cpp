#include <charconv>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

struct Named {
  const char* name;
  MetricPtr (*make)(const Names&);
};

constexpr Named kMetrics[] = {
    {"accuracy", [](const Names&) { return accuracy(); }},
    {"top5", [](const Names&) { return top_k(5); }},
    {"precision", [](const Names& n) { return precision(Average::macro, n); }},
    {"precision_macro", [](const Names& n) { return per_class("precision", "_macro", Average::macro, n); }},
    {"precision_micro", [](const Names& n) { return precision(Average::micro, n); }},
    {"precision_weighted", [](const Names& n) { return precision(Average::weighted, n); }},
    {"recall", [](const Names& n) { return recall(Average::macro, n); }},
    {"recall_macro", [](const Names& n) { return per_class("recall", "_macro", Average::macro, n); }},
    {"recall_micro", [](const Names& n) { return recall(Average::micro, n); }},
    {"recall_weighted", [](const Names& n) { return recall(Average::weighted, n); }},
    {"f1", [](const Names& n) { return f1(Average::macro, n); }},
    {"f1_macro", [](const Names& n) { return per_class("f1", "_macro", Average::macro, n); }},
    {"f1_micro", [](const Names& n) { return f1(Average::micro, n); }},
    {"f1_weighted", [](const Names& n) { return f1(Average::weighted, n); }},
    {"confusion_matrix", [](const Names& n) { return confusion_matrix(n); }},
    {"roc_auc", [](const Names& n) { return roc_auc(n); }},
    {"map", [](const Names& n) { return mean_average_precision(n); }},
    {"log_loss", [](const Names&) { return log_loss(); }},
    {"mae", [](const Names& n) { return mae(n); }},
    {"mse", [](const Names& n) { return mse(n); }},
    {"rmse", [](const Names& n) { return rmse(n); }},
    {"r2", [](const Names& n) { return r2(n); }},
    {"psnr", [](const Names&) { return psnr(); }},
    {"ssim", [](const Names&) { return ssim(); }},
};

/// The k of "top3"; 0 where the name is not of that form.
int64_t top_number(std::string_view name) {
  int64_t k = 0;
  if (!name.starts_with("top")) return 0;
  const auto [end, error] = std::from_chars(name.data() + 3, name.data() + name.size(), k);
  return error == std::errc() && end == name.data() + name.size() ? k : 0;
}

}  // namespace

MetricPtr make_metric(const std::string& name, const std::vector<std::string>& classes) {
  for (const Named& m : kMetrics) {
    if (m.name == name) return m.make(classes);
  }
  if (const int64_t k = top_number(name); k > 0) return top_k(k);
  NameList known;
  for (const std::string& n : metric_names()) known.add(n);
  const std::string nearest = known.nearest(name);
  throw Error("metric", "there is no metric \"" + name + "\"")
      .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: " + known.str() +
            "; top5 with any number");
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const Named& m : kMetrics) names.emplace_back(m.name);
  return names;
}

}  // namespace lamina::metrics
