#include "lamina/learners/prepare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/statistics_internal.h"
#include "lamina/ops/ops.h"
#include "lamina/recipe/reader.h"

namespace lamina::learners {

namespace {

/// More products than this are taken for a mistake.
constexpr size_t kMostFeatures = 200'000;

void check_word(const char* option, const std::string& value, std::initializer_list<const char*> known) {
  NameList names;
  for (const char* k : known) {
    if (value == k) return;
    names.add(k);
  }
  throw Error(std::string("--prepare ") + option, "expected one of " + names.str() + ", got \"" + value + "\"");
}

std::vector<double> present(const Column& column) {
  std::vector<double> values;
  for (const double v : column.numbers) {
    if (!std::isnan(v)) values.push_back(v);
  }
  return values;
}

constexpr const char* kParts[] = {"year", "month", "day", "weekday", "hour"};

/// A part of a date given as days since 1970-01-01; weekday 0 is Monday. After H. Hinnant, "chrono-compatible low-level
/// date algorithms".
double part_of_date(double days, const std::string& part) {
  const auto whole = static_cast<int64_t>(std::floor(days));
  if (part == "hour") return std::floor((days - std::floor(days)) * 24 + 1e-9);
  if (part == "weekday") return static_cast<double>(((whole + 3) % 7 + 7) % 7);
  const int64_t z = whole + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
                doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;
  if (part == "month") return static_cast<double>(month);
  if (part == "day") return static_cast<double>(doy - (153 * mp + 2) / 5 + 1);
  return static_cast<double>(yoe + era * 400 + (month <= 2));
}

/// All products of up to `degree` of n features, by degree and then in order: {0, 0}, {0, 1}, …, {0, 0, 0}, ….
std::vector<std::vector<int64_t>> products_of(int64_t n, int64_t degree) {
  std::vector<std::vector<int64_t>> all, last;
  for (int64_t f = 0; f < n; ++f) last.push_back({f});
  for (int64_t d = 2; d <= degree; ++d) {
    std::vector<std::vector<int64_t>> next;
    for (const auto& p : last) {
      for (int64_t f = p.back(); f < n; ++f) {
        next.push_back(p);
        next.back().push_back(f);
      }
      if (all.size() + next.size() > kMostFeatures) {
        throw Error("--prepare degree", "the products of " + std::to_string(n) + " features up to degree " +
                                            std::to_string(degree) + " are more than " + std::to_string(kMostFeatures));
      }
    }
    all.insert(all.end(), next.begin(), next.end());
    last = std::move(next);
  }
  return all;
}

}  // namespace

Prepare::Prepare(const PrepareOptions& o, bool scaled) : options_(o), scaled_(scaled) {
  check_word("missing", o.missing, {"mean", "median", "mode", "constant", "knn", "error"});
  check_word("categories", o.categories, {"onehot", "ordinal"});
  check_word("dates", o.dates, {"days", "parts"});
  check_word("power", o.power, {"none", "log", "yeo_johnson", "box_cox"});
  check_word("scale", o.scale, {"auto", "none", "standard", "minmax", "robust"});
  if (!(o.clip >= 0 && o.clip < 0.5)) throw Error("--prepare clip", "expected a quantile from 0 to below 0.5");
  nn::require_at_least(o.degree, 1, "--prepare", "degree");
  nn::require_at_least(o.neighbours, 1, "--prepare", "neighbours");
  nn::require_at_least(o.select, 0, "--prepare", "select");
}

Prepare::Source Prepare::learn(const Column& column) const {
  Source s{.name = column.name, .type = column.type};
  s.indicator = options_.indicators && column.count_missing() > 0;
  if (column.type == ColumnType::categorical) {
    std::vector<int64_t> counts(column.words.size(), 0);
    for (const int64_t code : column.codes) {
      if (code >= 0) ++counts[static_cast<size_t>(code)];
    }
    int64_t most = 0;
    for (size_t w = 0; w < counts.size(); ++w) {
      if (counts[w] == 0) continue;
      if (counts[w] < options_.rare) {
        s.rare = true;
        continue;
      }
      if (counts[w] > most) {
        most = counts[w];
        s.fill_word = static_cast<int64_t>(s.words.size());
      }
      s.words.push_back(column.words[w]);
    }
    return s;
  }
  std::vector<double> values = present(column);
  std::sort(values.begin(), values.end());
  if (values.empty()) return s;
  s.fill = options_.missing == "mean"       ? mean_of(values)
           : options_.missing == "mode"     ? mode_of(values)
           : options_.missing == "constant" ? options_.constant
                                            : quantile(values, 0.5);
  if (options_.missing == "knn") {
    s.known = column.numbers;
    if (const double v = variance_of(values); v > 0) s.spread = std::sqrt(v);
  }
  if (column.type == ColumnType::date && options_.dates == "parts") {
    for (const char* part : kParts) {
      const double first = part_of_date(values.front(), part);
      const auto differs = [&](double v) { return part_of_date(v, part) != first; };
      if (std::any_of(values.begin(), values.end(), differs)) s.parts.emplace_back(part);
    }
  }
  s.low = options_.clip > 0 ? quantile(values, options_.clip) : values.front();
  s.high = options_.clip > 0 ? quantile(values, 1 - options_.clip) : values.back();
  if (options_.clip > 0) {
    for (double& v : values) v = std::clamp(v, s.low, s.high);
  }
  const bool positive = options_.power == "box_cox";
  if (positive && values.front() <= 0) return s;  // told with its place when it is applied
  if (positive || options_.power == "yeo_johnson") s.lambda = best_lambda(values, positive);
  return s;
}

std::vector<std::string> Prepare::names_of(const Source& s) const {
  std::vector<std::string> names;
  if (s.type != ColumnType::categorical || options_.categories == "ordinal") {
    names.push_back(s.name);
    for (const std::string& part : s.parts) names.push_back(s.name + " " + part);
  } else {
    for (size_t w = s.words.size() == 2 && !s.rare ? 1 : 0; w < s.words.size(); ++w)
      names.push_back(s.name + "=" + s.words[w]);
    if (s.rare) names.push_back(s.name + "=(rare)");
  }
  if (s.indicator) names.push_back(s.name + " missing");
  return names;
}

namespace {

/// The column, which has the type that was learnt, or is empty.
const Column& checked(const Table& table, const std::string& name, ColumnType type) {
  const Column& column = table.columns[static_cast<size_t>(table.column(name))];
  if (column.type != type && column.count_missing() < table.rows()) {
    throw Error(table.name, "column \"" + name + "\": expected " + std::string(name_of(type)) + " cells, got " +
                                std::string(name_of(column.type)));
  }
  return column;
}

}  // namespace

std::vector<double> Prepare::filled(const Table& table, const Source& s) const {
  const Column& column = checked(table, s.name, s.type);
  const auto n = static_cast<size_t>(table.rows());
  if (column.type == ColumnType::categorical) return std::vector<double>(n, s.fill);  // all cells are missing
  std::vector<double> values = column.numbers;
  if (options_.missing == "knn") fill_by_neighbours(table, s, values);
  for (double& v : values) v = std::isnan(v) ? s.fill : v;
  return values;
}

/// Means of the nearest training rows that have the cell; distances over the columns that both rows have, in standard
/// deviations, as if scaled up to all columns (Troyanskaya et al. 2001).
void Prepare::fill_by_neighbours(const Table& table, const Source& s, std::vector<double>& values) const {
  std::vector<const Source*> numeric;
  std::vector<const std::vector<double>*> cells;
  for (const Source& other : sources_) {
    if (other.known.empty()) continue;
    const Column& column = checked(table, other.name, other.type);
    if (column.type == ColumnType::categorical) continue;
    numeric.push_back(&other);
    cells.push_back(&column.numbers);
  }
  parallel_for(static_cast<int64_t>(values.size()), 64, [&](int64_t begin, int64_t end) {
    std::vector<std::pair<double, size_t>> near;
    for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
      if (!std::isnan(values[r])) continue;
      near.clear();
      for (size_t donor = 0; donor < s.known.size(); ++donor) {
        if (std::isnan(s.known[donor])) continue;
        double sum = 0, both = 0;
        for (size_t c = 0; c < numeric.size(); ++c) {
          const double difference = ((*cells[c])[r] - numeric[c]->known[donor]) / numeric[c]->spread;
          if (std::isnan(difference)) continue;
          sum += difference * difference;
          ++both;
        }
        if (both > 0) near.emplace_back(sum / both, donor);
      }
      const size_t k = std::min(near.size(), static_cast<size_t>(options_.neighbours));
      if (k == 0) continue;  // nothing in common with any row
      std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(k), near.end());
      double sum = 0;
      for (size_t i = 0; i < k; ++i) sum += s.known[near[i].second];
      values[r] = sum / static_cast<double>(k);
    }
  });
}

void Prepare::transform(const Table& table, const Source& s, std::vector<double>& values) const {
  const bool log = options_.power == "log", positive = options_.power == "box_cox";
  for (size_t r = 0; r < values.size(); ++r) {
    double& v = values[r];
    if (options_.clip > 0) v = std::clamp(v, s.low, s.high);
    if ((log && v < 0) || (positive && v <= 0)) {
      throw Error(table.places[r],
                  "column \"" + s.name +
                      "\": " + (log ? "the logarithm needs numbers of at least 0" : "box_cox needs numbers above 0"))
          .hint("--prepare power=yeo_johnson takes all numbers");
    }
    if (log) v = std::log1p(v);
    if (positive) v = box_cox(v, s.lambda);
    if (options_.power == "yeo_johnson") v = yeo_johnson(v, s.lambda);
  }
}

void Prepare::expand_words(const Table& table, const Source& s, Columns& out) const {
  const Column& column = checked(table, s.name, s.type);
  const auto n = static_cast<size_t>(table.rows());
  std::vector<int64_t> place(column.words.size());  // of each word among those kept; −1: rare or unknown
  for (size_t w = 0; w < place.size(); ++w) {
    const auto found = std::find(s.words.begin(), s.words.end(), column.words[w]);
    place[w] = found == s.words.end() ? -1 : found - s.words.begin();
  }
  std::vector<int64_t> codes(n, s.fill_word);
  for (size_t r = 0; r < n && column.type == ColumnType::categorical; ++r) {
    if (column.codes[r] >= 0) codes[r] = place[static_cast<size_t>(column.codes[r])];
  }
  if (options_.categories == "ordinal") {
    out.emplace_back(codes.begin(), codes.end());
    return;
  }
  const auto words = static_cast<int64_t>(s.words.size());
  for (int64_t w = words == 2 && !s.rare ? 1 : 0; w < words + (s.rare ? 1 : 0); ++w) {
    std::vector<double>& flag = out.emplace_back(n, 0.0);
    for (size_t r = 0; r < n; ++r) flag[r] = codes[r] == (w == words ? -1 : w);
  }
}

void Prepare::expand(const Table& table, const Source& s, Columns& out) const {
  const Column& column = checked(table, s.name, s.type);
  const auto n = static_cast<size_t>(table.rows());
  if (options_.missing == "error") {
    for (size_t r = 0; r < n; ++r) {
      if (column.missing(static_cast<int64_t>(r)))
        throw Error(table.places[r], "column \"" + s.name + "\" is empty").hint("--prepare missing=median");
    }
  }
  if (s.type == ColumnType::categorical) {
    expand_words(table, s, out);
  } else {
    std::vector<double> values = filled(table, s);
    Columns parts;
    for (const std::string& part : s.parts) {
      std::vector<double>& column_of_part = parts.emplace_back();
      for (const double v : values) column_of_part.push_back(part_of_date(v, part));
    }
    transform(table, s, values);
    out.push_back(std::move(values));
    for (auto& p : parts) out.push_back(std::move(p));
  }
  if (!s.indicator) return;
  std::vector<double>& flag = out.emplace_back(n, 0.0);
  for (size_t r = 0; r < n; ++r) flag[r] = column.missing(static_cast<int64_t>(r));
}

Prepare::Columns Prepare::columns_of(const Table& table) const {
  Columns out;
  for (const Source& s : sources_) expand(table, s, out);
  for (const std::vector<int64_t>& factors : products_) {
    std::vector<double> product = out[static_cast<size_t>(factors[0])];
    for (size_t f = 1; f < factors.size(); ++f) {
      const std::vector<double>& other = out[static_cast<size_t>(factors[f])];
      for (size_t r = 0; r < product.size(); ++r) product[r] *= other[r];
    }
    out.push_back(std::move(product));
  }
  return out;
}

void Prepare::multiply_names() {
  products_ = products_of(static_cast<int64_t>(features_.size()), options_.degree);
  for (const std::vector<int64_t>& factors : products_) {
    std::string name;
    for (size_t f = 0; f < factors.size();) {
      size_t times = 1;
      while (f + times < factors.size() && factors[f + times] == factors[f]) ++times;
      name += (name.empty() ? "" : "·") + features_[static_cast<size_t>(factors[f])];
      if (times > 1) name += times == 2 ? "²" : times == 3 ? "³" : "^" + std::to_string(times);
      f += times;
    }
    features_.push_back(std::move(name));
  }
}

void Prepare::fit(const Table& table, const std::vector<std::string>& columns, const Tensor& y, int64_t classes) {
  sources_.clear();
  features_.clear();
  notes_.clear();
  kept_.clear();
  const auto n = static_cast<double>(table.rows());
  for (const std::string& name : columns) {
    const Column& c = table.columns[static_cast<size_t>(table.column(name))];
    Source s = learn(c);
    const bool numeric = c.type != ColumnType::categorical;
    const std::vector<double> values = numeric ? present(c) : std::vector<double>{};
    const bool constant = numeric ? values.empty() || *std::min_element(values.begin(), values.end()) ==
                                                          *std::max_element(values.begin(), values.end())
                                  : s.words.size() + s.rare < 2;
    if (constant && !s.indicator) {
      notes_.push_back("column \"" + name + "\" is left out: it is the same in all rows");
      continue;
    }
    if (!numeric && s.words.size() > 50 && static_cast<double>(s.words.size()) > 0.5 * n) {
      notes_.push_back("column \"" + name + "\" is left out: " + std::to_string(s.words.size()) +
                       " different words in " + std::to_string(table.rows()) + " rows");
      continue;
    }
    if (const int64_t gaps = c.count_missing(); gaps > 0) {
      notes_.push_back("column \"" + name + "\": " + std::to_string(gaps) + " missing cells filled in (" +
                       (numeric ? options_.missing : "the most frequent word") + ")");
    }
    for (std::string& f : names_of(s)) features_.push_back(std::move(f));
    sources_.push_back(std::move(s));
  }
  if (features_.empty()) throw Error(table.name, "has no column left to learn from");
  multiply_names();
  learn_scale(table);
  if (options_.select > 0 && options_.select < static_cast<int64_t>(features_.size())) select(table, y, classes);
}

void Prepare::learn_scale(const Table& table) {
  const std::string scale = options_.scale != "auto" ? options_.scale : scaled_ ? "standard" : "none";
  offset_.assign(features_.size(), 0);
  factor_.assign(features_.size(), 1);
  if (scale == "none") return;
  Columns all = columns_of(table);
  parallel_for(static_cast<int64_t>(all.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      double spread = 0;
      if (scale == "standard") {
        offset_[i] = mean_of(all[i]);
        spread = std::sqrt(variance_of(all[i]));
      } else {
        std::sort(all[i].begin(), all[i].end());
        offset_[i] = scale == "minmax" ? all[i].front() : quantile(all[i], 0.5);
        spread = scale == "minmax" ? all[i].back() - all[i].front() : quantile(all[i], 0.75) - quantile(all[i], 0.25);
      }
      factor_[i] = spread > 0 ? 1 / spread : 1;
    }
  });
}

void Prepare::select(const Table& table, const Tensor& y, int64_t classes) {
  if (!y.defined()) throw Error("--prepare select", "needs a target to compare the features with");
  const std::vector<double> f = f_statistics(apply(table), y, classes);
  std::vector<int64_t> order(f.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return f[static_cast<size_t>(a)] > f[static_cast<size_t>(b)]; });
  order.resize(static_cast<size_t>(options_.select));
  std::sort(order.begin(), order.end());
  std::vector<std::string> names;
  for (const int64_t i : order) names.push_back(features_[static_cast<size_t>(i)]);
  notes_.push_back(std::to_string(options_.select) + " of " + std::to_string(features_.size()) +
                   " features are kept, those with the largest F statistic");
  features_ = std::move(names);
  kept_ = std::move(order);
}

Tensor Prepare::apply(const Table& table) const {
  const Columns all = columns_of(table);
  std::vector<int64_t> kept = kept_;
  if (kept.empty()) {
    kept.resize(all.size());
    std::iota(kept.begin(), kept.end(), 0);
  }
  const size_t d = kept.size(), n = static_cast<size_t>(table.rows());
  const Tensor x = Tensor::empty({static_cast<int64_t>(n), static_cast<int64_t>(d)}, DType::f64);
  double* out = x.mutable_data<double>();
  parallel_for(static_cast<int64_t>(n), 4096, [&](int64_t begin, int64_t end) {
    for (size_t c = 0; c < d; ++c) {
      const auto from = static_cast<size_t>(kept[c]);
      const double offset = offset_[from], factor = factor_[from];
      for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
        out[r * d + c] = (all[from][r] - offset) * factor;
      }
    }
    for (auto r = static_cast<size_t>(begin); options_.unit_rows && r < static_cast<size_t>(end); ++r) {
      double square = 0;
      for (size_t c = 0; c < d; ++c) square += out[r * d + c] * out[r * d + c];
      for (size_t c = 0; c < d && square > 0; ++c) out[r * d + c] /= std::sqrt(square);
    }
  });
  return x;
}

std::map<std::string, ColumnType> Prepare::types() const {
  std::map<std::string, ColumnType> types;
  for (const Source& s : sources_) types[s.name] = s.type;
  return types;
}

namespace {

/// JSON has no NaN: missing cells are null.
nlohmann::ordered_json with_gaps(const std::vector<double>& values) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const double v : values) list.push_back(std::isnan(v) ? nlohmann::ordered_json() : nlohmann::ordered_json(v));
  return list;
}

}  // namespace

std::string Prepare::json() const {
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const Source& s : sources_) {
    sources.push_back({{"name", s.name},
                       {"type", name_of(s.type)},
                       {"fill", s.fill},
                       {"low", s.low},
                       {"high", s.high},
                       {"lambda", s.lambda},
                       {"indicator", s.indicator},
                       {"words", s.words},
                       {"fill_word", s.fill_word},
                       {"rare", s.rare},
                       {"parts", s.parts},
                       {"known", with_gaps(s.known)},
                       {"spread", s.spread}});
  }
  return nlohmann::ordered_json{{"options", nlohmann::ordered_json::parse(nn::json_of(options_))},
                                {"columns", sources},
                                {"products", products_},
                                {"features", features_},
                                {"kept", kept_},
                                {"offset", offset_},
                                {"factor", factor_}}
      .dump();
}

Prepare Prepare::from_json(const std::string& text, const std::string& place) {
  try {
    const nlohmann::json j = nlohmann::json::parse(text);
    const recipe::Setting setting = recipe::parse_yaml(j.at("options").dump(), place);
    recipe::OptionReader reader(setting, "prepare");
    PrepareOptions options;
    options.visit(reader);
    Prepare p(options);
    for (const nlohmann::json& s : j.at("columns")) {
      Source& out = p.sources_.emplace_back();
      out.name = s.at("name");
      const std::string type = s.at("type");
      out.type = type == "numeric" ? ColumnType::numeric : type == "date" ? ColumnType::date : ColumnType::categorical;
      out.fill = s.at("fill");
      out.low = s.at("low");
      out.high = s.at("high");
      out.lambda = s.at("lambda");
      out.indicator = s.at("indicator");
      out.words = s.at("words").get<std::vector<std::string>>();
      out.fill_word = s.at("fill_word");
      out.rare = s.at("rare");
      out.parts = s.at("parts").get<std::vector<std::string>>();
      for (const nlohmann::json& v : s.at("known")) {
        out.known.push_back(v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.get<double>());
      }
      out.spread = s.at("spread");
    }
    p.products_ = j.at("products").get<std::vector<std::vector<int64_t>>>();
    p.features_ = j.at("features").get<std::vector<std::string>>();
    p.kept_ = j.at("kept").get<std::vector<int64_t>>();
    p.offset_ = j.at("offset").get<std::vector<double>>();
    p.factor_ = j.at("factor").get<std::vector<double>>();
    return p;
  } catch (const nlohmann::json::exception& e) {
    throw Error(place, std::string("is damaged: ") + e.what());
  }
}

}  // namespace lamina::learners
