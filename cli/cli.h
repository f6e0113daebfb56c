// The verbs of the command line, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lamina::cli {

/// Adds a verb with its options, help and examples, and what it does.
using AddVerb = void (*)(CLI::App& app);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_features(CLI::App& app);
void add_fit(CLI::App& app);
void add_predict(CLI::App& app);
void add_graph(CLI::App& app);
void add_info(CLI::App& app);
void add_models(CLI::App& app);
void add_report(CLI::App& app);
void add_data(CLI::App& app);
void add_doctor(CLI::App& app);
void add_check(CLI::App& app);
void add_ops(CLI::App& app);
void add_recipe(CLI::App& app);

/// What a folder of `lamina fit --save` says of the rows of CSV files; false where it is no such folder.
bool predict_learner(const std::string& folder, const std::vector<std::string>& files, bool json);

/// The option --threads N, applied before the verb runs.
void add_threads(CLI::App& verb);

/// Text in columns, two spaces apart; columns that hold numbers only are set flush right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// 61706 → "61,706".
std::string with_commas(int64_t n);
/// 1536 → "1.5 KiB".
std::string bytes_text(double bytes);
/// 416520 → "416.5 k", for operations and the like.
std::string amount_text(double n);

}  // namespace lamina::cli
