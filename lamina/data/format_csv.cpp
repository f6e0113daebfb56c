// Tables: which columns are what, and their cells as numbers.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "lamina/core/error.h"
#include "lamina/data/formats_internal.h"

namespace lamina::data {

namespace {

constexpr size_t kMostGuessedClasses = 20;

/// What the training table says about its columns; a test table is read by the same.
struct Schema {
  std::vector<std::string> targets, features;             // names of columns
  std::map<std::string, std::vector<std::string>> words;  // of the features that hold categories, sorted
  TargetKind kind = TargetKind::values;
  std::vector<std::string> classes;
  bool ids = false;  // no name is a number: a cell may hold the number of a class
  std::string group;
};

using Indices = std::vector<int64_t>;

Indices columns_of(const io::CsvTable& table, const std::vector<std::string>& names) {
  Indices columns;
  for (const std::string& name : names) columns.push_back(table.column(name));
  return columns;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// The different cells of a column, numbers by size, words by letter.
std::vector<std::string> distinct(const io::CsvTable& table, int64_t column) {
  std::set<std::string> seen;
  for (int64_t r = 0; r < table.rows(); ++r) {
    if (!table.missing(r, column)) seen.insert(table.cell(r, column));
  }
  std::vector<std::string> values(seen.begin(), seen.end());
  if (table.numeric(column)) {
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return std::stod(a) < std::stod(b); });
  }
  return values;
}

/// The words of a column of categories.
std::vector<std::string> words_of(const io::CsvTable& table, int64_t column, const std::string& name,
                                  const DataOptions& options) {
  std::vector<std::string> known;
  for (const std::string& w : options.words) {
    if (w.starts_with(name + "=")) known.push_back(w.substr(name.size() + 1));
  }
  return known.empty() ? distinct(table, column) : known;
}

bool is_whole(const std::string& text) {
  int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

bool whole_numbers(const std::vector<std::string>& values) {
  return std::all_of(values.begin(), values.end(), is_whole);
}

TargetKind kind_of(const io::CsvTable& table, const DataOptions& options, const Schema& schema) {
  if (options.kind == "classes") return TargetKind::classes;
  if (options.kind == "values") return TargetKind::values;
  if (options.kind == "tags") return TargetKind::tags;
  if (options.kind == "none") return TargetKind::none;
  if (options.window > 0 || schema.targets.size() > 1) return TargetKind::values;
  if (!options.classes.empty()) return TargetKind::classes;
  const int64_t column = table.column(schema.targets[0]);
  if (!table.numeric(column)) return TargetKind::classes;
  const std::vector<std::string> values = distinct(table, column);
  return values.size() <= kMostGuessedClasses && whole_numbers(values) ? TargetKind::classes : TargetKind::values;
}

Schema schema_of(const io::CsvTable& table, const DataOptions& options) {
  Schema schema;
  schema.group = options.group;
  if (!schema.group.empty()) table.column(schema.group);
  schema.targets = options.target;
  if (schema.targets.empty() && options.kind != "none") schema.targets.push_back(table.columns().back());
  columns_of(table, schema.targets);
  schema.features = options.features;
  for (const std::string& c : options.categories) {
    table.column(c);
    if (!options.features.empty() && !contains(options.features, c)) schema.features.push_back(c);
  }
  if (schema.features.empty() && options.window > 0) schema.features = schema.targets;
  if (schema.features.empty()) {
    for (const std::string& c : table.columns()) {
      if (!contains(schema.targets, c) && c != schema.group) schema.features.push_back(c);
    }
  }
  if (schema.features.empty()) throw Error(table.name(), "has no column left for the features");
  for (const std::string& f : schema.features) {
    const int64_t column = table.column(f);
    if (contains(options.categories, f)) schema.words[f] = words_of(table, column, f, options);
    if (options.window == 0 && contains(schema.targets, f)) {
      throw Error("data.features", "column \"" + f + "\" is the target as well");
    }
  }
  schema.kind = kind_of(table, options, schema);
  if (schema.kind != TargetKind::classes) return schema;
  if (schema.targets.size() != 1)
    throw Error("data.target", "classes are in one column, got " + std::to_string(schema.targets.size()));
  schema.classes = options.classes;
  const int64_t column = table.column(schema.targets[0]);
  if (schema.classes.empty() && column + 1 == static_cast<int64_t>(table.columns().size())) {
    schema.classes = table.class_names();
  }
  if (schema.classes.empty()) schema.classes = distinct(table, column);
  if (schema.classes.size() < 2) {
    throw Error(table.name(), "column \"" + schema.targets[0] + "\": expected at least two classes, got " +
                                  (schema.classes.empty() ? "none" : "\"" + schema.classes[0] + "\" alone"))
        .hint("another column may be meant by data.target; kind: values makes numbers of it");
  }
  schema.ids = std::none_of(schema.classes.begin(), schema.classes.end(), is_whole);
  return schema;
}

/// A table as numbers, row by row.
struct Numbers {
  std::vector<float> features, targets;
  std::vector<int64_t> ids, groups;
  int64_t rows = 0;
};

class TableReader {
 public:
  TableReader(const io::CsvTable& table, const Schema& schema, const DataOptions& options)
      : table_(table),
        schema_(schema),
        drop_(options.missing == "drop"),
        features_(columns_of(table, schema.features)),
        targets_(columns_of(table, schema.targets)),
        group_(schema.group.empty() ? -1 : table.column(schema.group)) {}

  Numbers read() {
    Numbers out;
    for (int64_t r = 0; r < table_.rows(); ++r) {
      if (!complete(r)) continue;
      for (size_t i = 0; i < features_.size(); ++i) feature(r, i, out.features);
      for (const int64_t c : targets_) target(r, c, out);
      if (group_ >= 0) out.groups.push_back(group_number(table_.cell(r, group_)));
      ++out.rows;
    }
    if (out.rows == 0) throw Error(table_.name(), "has no row without a missing cell");
    return out;
  }

 private:
  /// False for a row to be dropped.
  bool complete(int64_t row) const {
    for (const Indices* columns : {&features_, &targets_}) {
      for (const int64_t c : *columns) {
        if (!table_.missing(row, c)) continue;
        if (drop_) return false;
        const std::string& text = table_.cell(row, c);
        throw Error(table_.place(row), "column \"" + name_of_column(c) + "\": " +
                                           (text.empty() ? "the cell is empty" : "the cell holds \"" + text + "\""))
            .hint("say missing: drop in the data options to leave such rows out, or leave the column out of features");
      }
    }
    return true;
  }

  void feature(int64_t row, size_t which, std::vector<float>& out) const {
    const auto words = schema_.words.find(schema_.features[which]);
    if (words == schema_.words.end()) {
      try {
        out.push_back(static_cast<float>(table_.number(row, features_[which])));
      } catch (Error& e) {
        e.hint("a column of words goes into categories in the data options, or is left out of features");
        throw;
      }
      return;
    }
    const size_t id = index_of(words->second, row, features_[which], "category");
    for (size_t i = 0; i < words->second.size(); ++i) out.push_back(i == id ? 1.0F : 0.0F);
  }

  void target(int64_t row, int64_t column, Numbers& out) const {
    if (schema_.kind == TargetKind::classes) {
      out.ids.push_back(class_id(row, column));
      return;
    }
    const double value = table_.number(row, column);
    if (schema_.kind == TargetKind::tags && value != 0 && value != 1) {
      throw Error(table_.place(row),
                  "column \"" + name_of_column(column) + "\": a tag is 0 or 1, got " + table_.cell(row, column));
    }
    out.targets.push_back(static_cast<float>(value));
  }

  int64_t class_id(int64_t row, int64_t column) const {
    const std::string& text = table_.cell(row, column);
    if (schema_.ids && is_whole(text)) {
      const int64_t id = std::strtoll(text.c_str(), nullptr, 10), count = static_cast<int64_t>(schema_.classes.size());
      if (id >= 0 && id < count) return id;
      throw Error(table_.place(row), "column \"" + name_of_column(column) + "\": expected a class from 0 to " +
                                         std::to_string(count - 1) + ", got " + text);
    }
    return static_cast<int64_t>(index_of(schema_.classes, row, column, "class"));
  }

  size_t index_of(const std::vector<std::string>& words, int64_t row, int64_t column, const char* what) const {
    const auto found = std::find(words.begin(), words.end(), table_.cell(row, column));
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    NameList names;
    for (const std::string& w : words) names.add(w);
    throw Error(table_.place(row), "column \"" + name_of_column(column) + "\": \"" + table_.cell(row, column) +
                                       "\" is no " + what + " of the training rows")
        .hint("there are: " + names.str().substr(0, 300));
  }

  int64_t group_number(const std::string& text) {
    return group_numbers_.try_emplace(text, static_cast<int64_t>(group_numbers_.size())).first->second;
  }
  const std::string& name_of_column(int64_t c) const { return table_.columns()[static_cast<size_t>(c)]; }

  const io::CsvTable& table_;
  const Schema& schema_;
  bool drop_;
  Indices features_, targets_;
  int64_t group_;
  std::map<std::string, int64_t> group_numbers_;
};

/// Rows become windows: input i holds rows i to i + window, its target is the row `horizon` after the last of them.
DatasetPtr windows(const DatasetInfo& info, const Numbers& n, const DataOptions& options, const std::string& where) {
  const auto width = static_cast<int64_t>(n.features.size()) / n.rows,
             outputs = static_cast<int64_t>(n.targets.size()) / n.rows;
  const int64_t count = n.rows - options.window - options.horizon + 1;
  if (options.horizon < 1 || count < 1 || outputs < 1) {
    throw Error(where, "a window of " + std::to_string(options.window) + " rows and a horizon of " +
                           std::to_string(options.horizon) + " do not fit its " + std::to_string(n.rows) + " rows");
  }
  std::vector<float> inputs, targets;
  for (int64_t i = 0; i < count; ++i) {
    const auto from = n.features.begin() + i * width;
    inputs.insert(inputs.end(), from, from + options.window * width);
    const auto target = n.targets.begin() + (i + options.window + options.horizon - 1) * outputs;
    targets.insert(targets.end(), target, target + outputs);
  }
  return in_memory(info, Tensor::from(inputs, {count, options.window, width}), Tensor::from(targets, {count, outputs}));
}

DatasetPtr read_table(const io::CsvTable& table, const Schema& schema, const DataOptions& options,
                      const std::string& name, std::vector<int64_t>& groups) {
  Numbers n = TableReader(table, schema, options).read();
  DatasetInfo info;
  info.name = name;
  info.target = schema.kind;
  info.classes = schema.kind == TargetKind::classes ? schema.classes : schema.targets;
  for (const std::string& f : schema.features) {
    const auto words = schema.words.find(f);
    if (words == schema.words.end()) {
      info.features.push_back(f);
    } else {
      for (const std::string& w : words->second) info.features.push_back(f + "=" + w);
    }
  }
  groups = std::move(n.groups);
  if (options.window > 0) return windows(info, n, options, table.name());
  const auto width = static_cast<int64_t>(info.features.size()), outputs = static_cast<int64_t>(schema.targets.size());
  const Tensor inputs = Tensor::from(n.features, {n.rows, width});
  if (schema.kind == TargetKind::none) return in_memory(info, inputs, {});
  const bool classes = schema.kind == TargetKind::classes;
  return in_memory(info, inputs, classes ? Tensor::from(n.ids, {n.rows}) : Tensor::from(n.targets, {n.rows, outputs}));
}

}  // namespace

io::CsvOptions csv_options(const DataOptions& options) {
  io::CsvOptions csv;
  const std::map<std::string, char> separators{{"", 0},    {"comma", ','}, {",", ','},   {"semicolon", ';'},
                                               {";", ';'}, {"tab", '\t'},  {"\t", '\t'}, {"space", ' '},
                                               {" ", ' '}};
  const auto separator = separators.find(options.separator);
  if (separator == separators.end()) {
    throw Error("data.separator", "expected comma, semicolon, tab or space, got \"" + options.separator + "\"");
  }
  csv.separator = separator->second;
  if (options.header == "yes" || options.header == "true") {
    csv.header = io::CsvHeader::yes;
  } else if (options.header == "no" || options.header == "false") {
    csv.header = io::CsvHeader::no;
  } else if (!options.header.empty()) {
    throw Error("data.header", "expected yes or no, got \"" + options.header + "\"");
  }
  return csv;
}

std::string training_file(const std::string& root, const std::string& test) {
  if (!std::filesystem::is_directory(root)) return root;
  std::vector<std::string> tables;
  for (const std::string& path : list_folder(root, false)) {
    const std::string name = std::filesystem::path(path).filename().string();
    if (name == "train.csv" || name == "train.csv.gz") return path;
    const bool table = name.ends_with(".csv") || name.ends_with(".csv.gz") || name.ends_with(".tsv");
    if (table && path != test && !name.starts_with("test.")) tables.push_back(path);
  }
  if (tables.size() == 1) return tables[0];
  throw Error(root, "holds " + std::to_string(tables.size()) + " tables, expected one, or one called train.csv")
      .hint("give the file itself as root");
}

namespace {

std::string test_file(const DataOptions& options, const std::string& root) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::is_directory(root) ? fs::path(root) : fs::path(root).parent_path();
  if (!options.test.empty()) {
    const fs::path beside = folder / options.test;
    return fs::exists(beside) ? beside.string() : options.test;
  }
  for (const char* name : {"test.csv", "test.csv.gz"}) {
    if (fs::is_directory(root) && fs::exists(folder / name)) return (folder / name).string();
  }
  return "";
}

}  // namespace

void check_table_options(const DataOptions& options) {
  const auto one_of = [](const char* option, const std::string& value, std::initializer_list<std::string_view> words,
                         const char* expected) {
    if (std::find(words.begin(), words.end(), value) != words.end()) return;
    throw Error(std::string("data.") + option, std::string("expected ") + expected + ", got \"" + value + "\"");
  };
  one_of("missing", options.missing, {"error", "drop"}, "error or drop");
  one_of("kind", options.kind, {"", "classes", "values", "tags", "none"}, "classes, values, tags or none");
  csv_options(options);
}

DatasetPtr open_table(const DataOptions& options, const io::CsvTable& table, std::vector<int64_t>& groups) {
  return read_table(table, schema_of(table, options), options, name_of(options, table.name()), groups);
}

Parts open_csv(const DataOptions& options, const std::string& root, std::vector<int64_t>& groups) {
  const std::string test = test_file(options, root);
  const io::CsvTable table = io::read_csv(training_file(root, test), csv_options(options));
  const Schema schema = schema_of(table, options);
  Parts parts;
  parts.train = read_table(table, schema, options, name_of(options, root), groups);
  if (test.empty()) return parts;
  std::vector<int64_t> unused;
  parts.test = read_table(io::read_csv(test, csv_options(options)), schema, options, name_of(options, root), unused);
  return parts;
}

}  // namespace lamina::data
