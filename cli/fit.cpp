// Classic learners on tables: no recipe needed.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/learners/model.h"
#include "lamina/learners/splits.h"
#include "lamina/recipe/reader.h"
#include "lamina/recipe/resolver.h"

namespace lamina::cli {

namespace {

constexpr const char* kExamples = R"(Examples:
  lamina fit logistic breast_cancer --target class --cv 10
  lamina fit linear cereal.csv --target calories --set solver=gd --ignore name,mfr,type
  lamina fit ridge houses.csv --target price --test others.csv --set alpha=3 --prepare missing=mean --save models/houses
  lamina predict models/houses rows.csv
  lamina fit bagging titanic.csv --target Survived --base tree --set base.depth=5 --cv 10
  lamina fit stacking iris --target class --member "tree depth=3" --member knn --member softmax
  lamina fit                               lists the learners, 'lamina fit NAME' the options of one
The table is a CSV file, gzipped or not, or one that is built in (lamina data list).)";

struct Options {
  std::string learner, data, target, test, save, base;
  std::vector<std::string> set, prepare, type, ignore, members;
  int64_t cv = -1, seed = 0;
  bool json = false;
};

void list_learners() {
  TextTable table({"learner", "what it is"});
  for (const auto& e : learners::learner_table()) table.add({std::string(e.name), std::string(e.doc)});
  std::cout << table.str() << "\n'lamina fit NAME' lists the options of one; 'lamina fit --help' shows examples.\n";
}

void list_options(const std::string& name) {
  const auto& e = find_entry(learners::learner_table(), name, "learner");
  recipe::FieldLister own, prepare;
  e.make(own);
  learners::PrepareOptions().visit(prepare);
  std::cout << e.name << ": " << e.doc << "\n\n";
  TextTable table({"--set", "type", "default"});
  for (const auto& f : own.fields()) table.add({f.name, f.type, f.value});
  TextTable before({"--prepare", "type", "default"});
  for (const auto& f : prepare.fields()) before.add({f.name, f.type, f.value});
  std::cout << table.str() << '\n' << before.str();
}

std::map<std::string, learners::ColumnType> types_of(const std::vector<std::string>& all) {
  using learners::ColumnType;
  std::map<std::string, ColumnType> types;
  for (const std::string& text : all) {
    const size_t equals = text.rfind('=');
    const std::string type = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (type != "numeric" && type != "categorical" && type != "date") {
      throw Error("--type", "expected COLUMN=numeric, categorical or date, got \"" + text + "\"");
    }
    types[text.substr(0, equals)] = type == "numeric" ? ColumnType::numeric
                                    : type == "date"  ? ColumnType::date
                                                      : ColumnType::categorical;
  }
  return types;
}

learners::ModelOptions model_options(const Options& o) {
  find_entry(learners::learner_table(), o.learner, "learner");
  learners::ModelOptions m;
  m.learner = learners::section_from_text(o.learner, "lamina fit " + o.learner);
  if (!o.base.empty()) m.learner.field("base") = learners::section_from_text(o.base, "--base");
  for (const std::string& text : o.members) {
    recipe::Setting& list = m.learner.field("members");
    list.kind = recipe::Setting::Kind::list;
    list.items.push_back(learners::section_from_text(text, "--member"));
  }
  for (const std::string& s : o.set) recipe::apply_override(m.learner, s);
  recipe::Setting prepare;
  prepare.kind = recipe::Setting::Kind::map;
  prepare.origin = "--prepare";
  for (const std::string& s : o.prepare) recipe::apply_override(prepare, s);
  recipe::OptionReader reader(prepare, "--prepare");
  m.prepare.visit(reader);
  reader.finish();
  m.target = o.target;
  m.ignore = o.ignore;
  return m;
}

std::string score_name(const learners::Model& model) {
  if (model.learner().learns() == learners::Learns::nothing) return "score";
  return model.classes().empty() ? "R²" : "accuracy";
}

std::string text_of(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// Everything that fit() has to say, once as text and once as JSON.
struct Findings {
  std::vector<std::string> notes, warnings;
  nlohmann::ordered_json scores = nlohmann::ordered_json::object();
  std::string score_text;

  void score(const std::string& where, const std::string& what, double value, double low, double high) {
    nlohmann::ordered_json entry{{what == "R²" ? "r2" : what, value}};
    score_text += where + std::string(12 - where.size(), ' ') + what + " " + text_of("%.4f", value);
    if (low < high) {
      entry["confidence_95"] = {low, high};
      score_text += " (95 %: " + text_of("%.4f", low) + " to " + text_of("%.4f", high) + ")";
    }
    scores[where] = entry;
    score_text += "\n";
  }
};

void print_columns(const learners::Table& table, const std::string& target) {
  constexpr size_t kMost = 60;
  TextTable text({"column", "type", "missing", "what"});
  for (size_t i = 0; i < table.columns.size() && i < kMost; ++i) {
    const learners::Column& c = table.columns[i];
    std::string what = c.name == target ? "target" : "";
    if (c.type == learners::ColumnType::categorical) {
      what += (what.empty() ? "" : ", ") + std::to_string(c.words.size()) + " words";
    }
    text.add({c.name, std::string(name_of(c.type)), std::to_string(c.count_missing()), what});
  }
  std::cout << table.name << ": " << with_commas(table.rows()) << " rows, "
            << with_commas(static_cast<int64_t>(table.columns.size())) << " columns\n\n"
            << text.str();
  if (table.columns.size() > kMost) std::cout << "… and " << table.columns.size() - kMost << " more\n";
  std::cout << '\n';
}

void print_summary(const learners::Summary& s) {
  constexpr size_t kMostRows = 60, kMostColumns = 8;
  if (!s.title.empty()) std::cout << s.title << "\n\n";
  if (!s.columns.empty()) {
    const size_t columns = std::min(s.columns.size(), kMostColumns);
    TextTable table({s.columns.begin(), s.columns.begin() + static_cast<std::ptrdiff_t>(columns)});
    for (size_t i = 0; i < s.rows.size() && i < kMostRows; ++i) {
      table.add({s.rows[i].begin(), s.rows[i].begin() + static_cast<std::ptrdiff_t>(columns)});
    }
    std::cout << table.str();
    if (s.rows.size() > kMostRows)
      std::cout << "… and " << s.rows.size() - kMostRows << " more rows (--json has all)\n";
    if (s.columns.size() > kMostColumns) {
      std::cout << "… and " << s.columns.size() - kMostColumns << " more columns (--json has all)\n";
    }
    std::cout << '\n';
  }
  for (const auto& [name, value] : s.facts) std::cout << name << ": " << text_of("%.6g", value) << '\n';
}

void print_json(const Options& o, const learners::Table& table, const learners::Model& model, const Findings& f) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const learners::Column& c : table.columns) {
    columns.push_back({{"name", c.name}, {"type", name_of(c.type)}, {"missing", c.count_missing()}});
  }
  const learners::Summary s = model.learner().summary();
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
  for (const auto& [name, value] : s.facts) facts[name] = value;
  const nlohmann::ordered_json all{
      {"learner", o.learner},
      {"options", nlohmann::ordered_json::parse(model.learner().describe())},
      {"data", table.name},
      {"rows", table.rows()},
      {"target", o.target},
      {"classes", model.classes()},
      {"columns", columns},
      {"scores", f.scores},
      {"summary", {{"title", s.title}, {"columns", s.columns}, {"rows", s.rows}, {"facts", facts}}},
      {"notes", f.notes},
      {"warnings", f.warnings}};
  std::cout << all.dump(2) << '\n';
}

void measure(const Options& o, const learners::ModelOptions& options, const learners::Table& table,
             const learners::Model& model, const learners::Table* test, Findings& f) {
  const std::string what = score_name(model);
  const bool classes = !model.classes().empty();
  const auto add = [&](const std::string& where, const learners::Examples& e) {
    const double score = model.learner().score(e);
    const auto [low, high] = classes ? learners::wilson(score, e.rows()) : std::pair{0.0, 0.0};
    f.score(where, what, score, low, high);
  };
  learners::Table known = table;
  if (!o.target.empty() && model.learner().learns() != learners::Learns::nothing) {
    std::vector<int64_t> rows;
    const learners::Column& target = table.columns[static_cast<size_t>(table.column(o.target))];
    for (int64_t r = 0; r < table.rows(); ++r) {
      if (!target.missing(r)) rows.push_back(r);
    }
    if (static_cast<int64_t>(rows.size()) < table.rows()) known = table.take(rows);
  }
  const learners::Examples seen = model.examples(known);
  for (const std::string& name : learners::leaks(seen)) {
    f.warnings.push_back("\"" + name +
                         "\" follows the target exactly: is it a copy of it, known only afterwards? (--ignore " + name +
                         ")");
  }
  add("training", seen);
  if (o.cv > 0) {
    const learners::CrossValidation cv = learners::cross_validate(options, table, o.cv, o.seed);
    f.notes.insert(f.notes.end(), cv.notes.begin(), cv.notes.end());
    f.score(std::to_string(o.cv) + "-fold", what, cv.score, cv.low, cv.high);
    f.scores[std::to_string(o.cv) + "-fold"]["folds"] = cv.scores;
  }
  if (test) add("test", model.examples(*test));
}

void fit(Options o) {
  if (o.learner.empty()) return list_learners();
  if (o.data.empty()) return list_options(o.learner);
  const learners::ModelOptions options = model_options(o);
  const learners::Table table = learners::read_table(o.data, types_of(o.type));
  if (!o.target.empty()) table.column(o.target);
  learners::Model model(options);
  const bool supervised = model.learner().learns() != learners::Learns::nothing;
  if (o.cv < 0) o.cv = 0;
  if (o.cv > 0 && !supervised) throw Error("--cv", o.learner + " has no target to be checked against");
  if (o.cv > 0) learners::k_folds(table.rows(), o.cv, o.seed);
  model.fit(table);
  Findings f;
  for (const auto* notes : {&table.notes, &model.notes(), &model.prepare().notes()}) {
    f.notes.insert(f.notes.end(), notes->begin(), notes->end());
  }
  std::unique_ptr<learners::Table> test;
  if (!o.test.empty()) test = std::make_unique<learners::Table>(learners::read_table(o.test, model.types()));
  measure(o, options, table, model, test.get(), f);
  if (!o.save.empty()) model.save(o.save);
  const learners::Summary s = model.learner().summary();
  f.notes.insert(f.notes.end(), s.notes.begin(), s.notes.end());
  if (o.json) return print_json(o, table, model, f);
  print_columns(table, o.target);
  print_summary(s);
  std::cout << '\n' << f.score_text;
  for (const std::string& n : f.notes) std::cout << "note: " << n << '\n';
  for (const std::string& w : f.warnings) std::cout << "warning: " << w << '\n';
  if (!o.save.empty()) std::cout << "\nNext\n  lamina predict " << o.save << " rows.csv\n";
}

}  // namespace

bool predict_learner(const std::string& folder, const std::vector<std::string>& files, bool json) {
  if (!learners::Model::is_saved(folder)) return false;
  const learners::Model model = learners::Model::load(folder);
  std::map<std::string, learners::ColumnType> types = model.prepare().types();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::string& file : files) {
    const learners::Table table = learners::read_table(file, types);
    const Tensor out = model.predict(table);
    const std::vector<double> values = out.values();
    const auto width = static_cast<size_t>(out.size(1));
    for (size_t r = 0; r < static_cast<size_t>(table.rows()); ++r) {
      const double* row = values.data() + r * width;
      const auto best = static_cast<size_t>(std::max_element(row, row + width) - row);
      nlohmann::ordered_json entry{{"row", table.places[r]}};
      std::string text;
      if (!model.classes().empty()) {
        text = model.classes()[best];
        entry["class"] = text;
        const bool shares = model.learner().probabilities();
        for (size_t k = 0; k < width; ++k) entry[shares ? "probabilities" : "scores"][model.classes()[k]] = row[k];
        if (shares) text += "  " + text_of("%.1f %%", 100 * row[best]);
      } else if (width == 1) {
        entry["value"] = row[0];
        text = text_of("%.6g", row[0]);
      } else {
        entry["values"] = std::vector<double>(row, row + width);
        for (size_t k = 0; k < width; ++k) text += (k ? "  " : "") + text_of("%.6g", row[k]);
      }
      if (!json) std::cout << table.places[r] << ": " << text << '\n';
      list.push_back(std::move(entry));
    }
  }
  if (json) std::cout << list.dump(2) << '\n';
  return true;
}

void add_fit(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("fit", "Fits a classic learner to a table, without a recipe");
  auto o = std::make_shared<Options>();
  const auto many = CLI::MultiOptionPolicy::TakeAll;
  verb->add_option("learner", o->learner, "Which learner; without it, they are listed");
  verb->add_option("data", o->data, "A CSV file or a built-in table; without it, the learner's options are listed");
  verb->add_option("--target", o->target, "The column to be learnt")->type_name("COLUMN");
  verb->add_option("--test", o->test, "Another table, to be scored on")->type_name("FILE");
  verb->add_option("--cv", o->cv, "Folds of a cross-validation")->type_name("N")->check(CLI::NonNegativeNumber);
  verb->add_option("--set", o->set, "Sets an option of the learner")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(many);
  verb->add_option("--base", o->base, "What an ensemble is made of, with --set base.KEY=VALUE")->type_name("LEARNER");
  verb->add_option("--member", o->members, "A member of voting or stacking: \"NAME key=value …\"; may come again")
      ->type_name("LEARNER")
      ->expected(1)
      ->multi_option_policy(many);
  verb->add_option("--prepare", o->prepare, "Sets how the table becomes numbers")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(many);
  verb->add_option("--type", o->type, "Sets the type of a column: numeric, categorical, date")
      ->type_name("COLUMN=TYPE")
      ->expected(1)
      ->multi_option_policy(many);
  verb->add_option("--ignore", o->ignore, "Columns to leave out")->type_name("A,B")->delimiter(',');
  verb->add_option("--seed", o->seed, "Of the folds (default 0)")->type_name("N");
  verb->add_option("--save", o->save, "Where the fitted learner goes, for lamina predict")->type_name("DIR");
  verb->add_flag("--json", o->json, "Types, notes, scores and coefficients as one JSON object");
  add_threads(*verb);
  verb->footer(kExamples);
  verb->callback([o] { fit(*o); });
}

}  // namespace lamina::cli
