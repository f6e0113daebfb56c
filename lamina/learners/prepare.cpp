#include "lamina/learners/prepare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/recipe/reader.h"

namespace lamina::learners {

namespace {

void check_word(const char* option, const std::string& value, std::initializer_list<const char*> known) {
  NameList names;
  for (const char* k : known) {
    if (value == k) return;
    names.add(k);
  }
  throw Error(std::string("--prepare ") + option, "expected one of " + names.str() + ", got \"" + value + "\"");
}

/// Linear interpolation between order statistics, as NumPy does; `values` sorted.
double quantile(const std::vector<double>& values, double q) {
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

double mean_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

double variance_of(const std::vector<double>& v) {
  const double m = mean_of(v);
  double sum = 0;
  for (const double x : v) sum += (x - m) * (x - m);
  return sum / static_cast<double>(v.size());
}

/// The transform of Yeo and Johnson (2000).
double yeo_johnson(double x, double lambda) {
  if (x >= 0) return std::abs(lambda) < 1e-12 ? std::log1p(x) : (std::pow(x + 1, lambda) - 1) / lambda;
  const double other = 2 - lambda;
  return std::abs(other) < 1e-12 ? -std::log1p(-x) : -(std::pow(1 - x, other) - 1) / other;
}

/// The lambda of the largest likelihood, by golden-section search in [−5, 5].
double best_lambda(const std::vector<double>& values) {
  double jacobian = 0;
  for (const double x : values) jacobian += std::copysign(std::log1p(std::abs(x)), x);
  const auto cost = [&](double lambda) {
    std::vector<double> moved;
    for (const double x : values) moved.push_back(yeo_johnson(x, lambda));
    const double v = variance_of(moved);
    if (!(v > 0)) return 1e300;
    return static_cast<double>(values.size()) / 2 * std::log(v) - (lambda - 1) * jacobian;
  };
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = -5, high = 5, a = high - golden * (high - low), b = low + golden * (high - low);
  double ca = cost(a), cb = cost(b);
  for (int i = 0; i < 60; ++i) {
    if (ca < cb) {
      high = b, b = a, cb = ca;
      ca = cost(a = high - golden * (high - low));
    } else {
      low = a, a = b, ca = cb;
      cb = cost(b = low + golden * (high - low));
    }
  }
  return (low + high) / 2;
}

std::vector<double> present(const Column& column) {
  std::vector<double> values;
  for (const double v : column.numbers) {
    if (!std::isnan(v)) values.push_back(v);
  }
  return values;
}

}  // namespace

Prepare::Prepare(const PrepareOptions& o, bool scaled) : options_(o), scaled_(scaled) {
  check_word("missing", o.missing, {"mean", "median", "constant", "error"});
  check_word("categories", o.categories, {"onehot", "ordinal"});
  check_word("power", o.power, {"none", "log", "yeo_johnson"});
  check_word("scale", o.scale, {"auto", "none", "standard", "minmax", "robust"});
  if (!(o.clip >= 0 && o.clip < 0.5)) throw Error("--prepare clip", "expected a quantile from 0 to below 0.5");
  if (o.degree < 1 || o.degree > 2) throw Error("--prepare degree", "expected 1 or 2");
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
           : options_.missing == "constant" ? options_.constant
                                            : quantile(values, 0.5);
  s.low = options_.clip > 0 ? quantile(values, options_.clip) : values.front();
  s.high = options_.clip > 0 ? quantile(values, 1 - options_.clip) : values.back();
  if (options_.clip > 0) {
    for (double& v : values) v = std::clamp(v, s.low, s.high);
  }
  if (options_.power == "yeo_johnson") s.lambda = best_lambda(values);
  return s;
}

std::vector<std::string> Prepare::names_of(const Source& s) const {
  std::vector<std::string> names;
  if (s.type != ColumnType::categorical || options_.categories == "ordinal") {
    names.push_back(s.name);
  } else {
    for (size_t w = s.words.size() == 2 && !s.rare ? 1 : 0; w < s.words.size(); ++w)
      names.push_back(s.name + "=" + s.words[w]);
    if (s.rare) names.push_back(s.name + "=(rare)");
  }
  if (s.indicator) names.push_back(s.name + " missing");
  return names;
}

void Prepare::expand(const Table& table, const Source& s, std::vector<std::vector<double>>& out) const {
  const Column& column = table.columns[static_cast<size_t>(table.column(s.name))];
  const bool all_missing = column.count_missing() == table.rows();
  if (column.type != s.type && !all_missing) {
    throw Error(table.name, "column \"" + s.name + "\": expected " + std::string(name_of(s.type)) + " cells, got " +
                                std::string(name_of(column.type)));
  }
  const auto n = static_cast<size_t>(table.rows());
  const auto missing = [&](size_t r) { return all_missing || column.missing(static_cast<int64_t>(r)); };
  if (options_.missing == "error") {
    for (size_t r = 0; r < n; ++r) {
      if (missing(r))
        throw Error(table.places[r], "column \"" + s.name + "\" is empty").hint("--prepare missing=median");
    }
  }
  if (s.type != ColumnType::categorical) {
    std::vector<double> values(n);
    for (size_t r = 0; r < n; ++r) {
      double v = missing(r) ? s.fill : column.numbers[r];
      if (options_.clip > 0) v = std::clamp(v, s.low, s.high);
      if (options_.power == "log") {
        if (v < 0) throw Error(table.places[r], "column \"" + s.name + "\": the logarithm needs numbers of at least 0");
        v = std::log1p(v);
      }
      values[r] = options_.power == "yeo_johnson" ? yeo_johnson(v, s.lambda) : v;
    }
    out.push_back(std::move(values));
  } else {
    std::vector<int64_t> place(column.words.size());  // of each word among those kept; −1: rare or unknown
    for (size_t w = 0; w < place.size(); ++w) {
      const auto found = std::find(s.words.begin(), s.words.end(), column.words[w]);
      place[w] = found == s.words.end() ? -1 : found - s.words.begin();
    }
    std::vector<int64_t> codes(n);
    for (size_t r = 0; r < n; ++r) codes[r] = missing(r) ? s.fill_word : place[static_cast<size_t>(column.codes[r])];
    if (options_.categories == "ordinal") {
      out.emplace_back(codes.begin(), codes.end());
    } else {
      const auto words = static_cast<int64_t>(s.words.size());
      for (int64_t w = words == 2 && !s.rare ? 1 : 0; w < words + (s.rare ? 1 : 0); ++w) {
        std::vector<double>& flag = out.emplace_back(n, 0.0);
        for (size_t r = 0; r < n; ++r) flag[r] = codes[r] == (w == words ? -1 : w);
      }
    }
  }
  if (!s.indicator) return;
  std::vector<double>& flag = out.emplace_back(n, 0.0);
  for (size_t r = 0; r < n; ++r) flag[r] = missing(r);
}

std::vector<std::vector<double>> Prepare::columns_of(const Table& table) const {
  std::vector<std::vector<double>> out;
  for (const Source& s : sources_) expand(table, s, out);
  const size_t plain = out.size();
  for (size_t i = 0; options_.degree == 2 && i < plain; ++i) {
    for (size_t j = i; j < plain; ++j) {
      std::vector<double> product(out[i].size());
      for (size_t r = 0; r < product.size(); ++r) product[r] = out[i][r] * out[j][r];
      out.push_back(std::move(product));
    }
  }
  return out;
}

void Prepare::fit(const Table& table, const std::vector<std::string>& columns) {
  sources_.clear();
  features_.clear();
  notes_.clear();
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
  const size_t plain = features_.size();
  for (size_t i = 0; options_.degree == 2 && i < plain; ++i) {
    for (size_t j = i; j < plain; ++j) {
      std::string name = features_[i];
      features_.push_back(i == j ? name + "²" : name + "·" + features_[j]);
    }
  }
  const std::string scale = options_.scale != "auto" ? options_.scale : scaled_ ? "standard" : "none";
  offset_.assign(features_.size(), 0);
  factor_.assign(features_.size(), 1);
  if (scale == "none") return;
  std::vector<std::vector<double>> all = columns_of(table);
  for (size_t i = 0; i < all.size(); ++i) {
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
}

Tensor Prepare::apply(const Table& table) const {
  const std::vector<std::vector<double>> all = columns_of(table);
  const size_t d = all.size(), n = static_cast<size_t>(table.rows());
  const Tensor x = Tensor::empty({static_cast<int64_t>(n), static_cast<int64_t>(d)}, DType::f64);
  double* out = x.mutable_data<double>();
  for (size_t c = 0; c < d; ++c) {
    for (size_t r = 0; r < n; ++r) out[r * d + c] = (all[c][r] - offset_[c]) * factor_[c];
  }
  for (size_t r = 0; options_.unit_rows && r < n; ++r) {
    double square = 0;
    for (size_t c = 0; c < d; ++c) square += out[r * d + c] * out[r * d + c];
    for (size_t c = 0; c < d && square > 0; ++c) out[r * d + c] /= std::sqrt(square);
  }
  return x;
}

std::map<std::string, ColumnType> Prepare::types() const {
  std::map<std::string, ColumnType> types;
  for (const Source& s : sources_) types[s.name] = s.type;
  return types;
}

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
                       {"rare", s.rare}});
  }
  return nlohmann::ordered_json{{"options", nlohmann::ordered_json::parse(nn::json_of(options_))},
                                {"columns", sources},
                                {"features", features_},
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
    }
    p.features_ = j.at("features").get<std::vector<std::string>>();
    p.offset_ = j.at("offset").get<std::vector<double>>();
    p.factor_ = j.at("factor").get<std::vector<double>>();
    return p;
  } catch (const nlohmann::json::exception& e) {
    throw Error(place, std::string("is damaged: ") + e.what());
  }
}

}  // namespace lamina::learners
