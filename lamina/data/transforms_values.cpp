// Transforms of values, whatever their place: scale, normalize, standardize, min_max, noise, flatten, one_hot.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "lamina/data/transforms_internal.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina::data::transforms {

void visit_inputs(const Dataset& train, std::span<const TransformPtr> so_far,
                  const std::function<void(const Tensor& inputs, int lead)>& see) {
  constexpr int64_t kAtOnce = 256, kMostFromFiles = 4096;
  const int64_t n = train.size();
  const bool batches =
      std::all_of(so_far.begin(), so_far.end(), [](const TransformPtr& t) { return t->works_on_batches(); });
  TensorPool pool;
  Batch batch;
  const int64_t probe = 0;
  const bool in_memory = n > 0 && train.gather(std::span(&probe, 1), batch, pool);
  if (in_memory && batches) {
    std::vector<int64_t> indices;
    for (int64_t begin = 0; begin < n; begin += kAtOnce) {
      indices.resize(static_cast<size_t>(std::min(kAtOnce, n - begin)));
      std::iota(indices.begin(), indices.end(), begin);
      train.gather(indices, batch, pool);
      for (const TransformPtr& t : so_far) t->apply_batch(batch, pool);
      see(batch.at(0), 1);
    }
    return;
  }
  const int64_t seen = in_memory ? n : std::min(n, kMostFromFiles);
  for (int64_t i = 0; i < seen; ++i) {
    const int64_t index = i * n / seen;
    see(apply_all(so_far, train.get(index), 0, 0, index).at(0), 0);
  }
}

namespace {

/// u8 and contiguous f32 as they are, all else as contiguous f32.
Tensor readable(const Tensor& x) {
  const bool direct = (x.dtype() == DType::u8 || x.dtype() == DType::f32) && x.is_contiguous();
  return direct ? x : Tensor::from(x.floats(), x.shape());
}

/// out = (x − mean) · inverse over [outer, groups, inner], the coefficients per group.
template <class T>
void affine(const T* x, float* out, int64_t outer, int64_t inner, const std::vector<float>& mean,
            const std::vector<float>& inverse) {
  const auto groups = static_cast<int64_t>(mean.size());
  for (int64_t o = 0; o < outer; ++o) {
    if (inner == 1) {
      const float *m = mean.data(), *k = inverse.data();
      for (int64_t g = 0; g < groups; ++g) out[g] = (static_cast<float>(x[g]) - m[g]) * k[g];
      x += groups;
      out += groups;
      continue;
    }
    for (int64_t g = 0; g < groups; ++g, x += inner, out += inner) {
      const float m = mean[static_cast<size_t>(g)], k = inverse[static_cast<size_t>(g)];
      for (int64_t i = 0; i < inner; ++i) out[i] = (static_cast<float>(x[i]) - m) * k;
    }
  }
}

Tensor affine(const Tensor& input, int lead, const std::vector<float>& mean, const std::vector<float>& inverse,
              int64_t inner, TensorPool& pool) {
  const Tensor x = readable(input);
  Tensor out = pool.get(x.shape(), DType::f32);
  const int64_t one = lead ? x.numel() / std::max<int64_t>(x.size(0), 1) : x.numel();
  const int64_t outer = one ? x.numel() / (static_cast<int64_t>(mean.size()) * inner) : 0;
  for_pixel_type(x, [&]<class T>(T*) { affine(x.data<T>(), out.mutable_data<float>(), outer, inner, mean, inverse); });
  return out;
}

class Scale final : public Fixed {
 public:
  explicit Scale(ScaleOptions o) : options_(o) {
    if (o.factor == 0 || !std::isfinite(o.factor))
      bad_option("scale", "factor", "a number other than 0", std::to_string(o.factor));
  }
  std::string name() const override { return "scale"; }

 protected:
  Tensor map(const Tensor& input, int, TensorPool& pool) const override {
    const Tensor x = readable(input);
    Tensor out = pool.get(x.shape(), DType::f32);
    auto* to = out.mutable_data<float>();
    const auto factor = static_cast<float>(options_.factor), offset = static_cast<float>(options_.offset);
    for_pixel_type(x, [&]<class T>(T*) {
      const T* from = x.data<T>();
      const int64_t n = x.numel();
      for (int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]) * factor + offset;
    });
    return out;
  }

 private:
  ScaleOptions options_;
};

/// How an input falls into groups that share a statistic.
struct Grouping {
  int64_t groups = 0, inner = 0;
};

Grouping grouping_of(const Tensor& x, int lead, bool per_element, const std::string& transform) {
  const int rank = x.rank() - lead;
  if (rank < 1) throw Error(transform, "expected an input of at least one axis, got " + x.meta().str());
  Grouping g{1, 1};
  for (int axis = lead; axis < x.rank(); ++axis) {
    (per_element || axis == lead ? g.groups : g.inner) *= x.size(axis);
  }
  return g;
}

[[noreturn]] void bad_state(const std::string& transform, const std::string& json) {
  throw Error(transform, "cannot restore what was fitted from " + json.substr(0, 200));
}

std::vector<double> numbers(const nlohmann::json& state, const char* key, const std::string& transform) {
  if (!state.is_object() || !state.contains(key) || !state[key].is_array()) bad_state(transform, state.dump());
  std::vector<double> values;
  for (const nlohmann::json& v : state[key]) {
    if (!v.is_number()) bad_state(transform, state.dump());
    values.push_back(v.get<double>());
  }
  return values;
}

/// Two fitted numbers for each group: what is subtracted, and what is divided by.
class PerGroup : public Fixed {
 public:
  PerGroup(std::string name, bool per_element) : name_(std::move(name)), per_element_(per_element) {}
  std::string name() const override { return name_; }

  std::string state() const override { return nlohmann::json{{"subtract", subtract_}, {"divide", divide_}}.dump(); }
  void load_state(const std::string& json) override {
    const nlohmann::json state = nlohmann::json::parse(json, nullptr, false);
    std::vector<double> subtract = numbers(state, "subtract", name_), divide = numbers(state, "divide", name_);
    if (subtract.size() != divide.size()) bad_state(name_, json);
    set(std::move(subtract), std::move(divide));
  }

 protected:
  void set(std::vector<double> subtract, std::vector<double> divide) {
    subtract_ = std::move(subtract);
    divide_ = std::move(divide);
    mean_.assign(subtract_.begin(), subtract_.end());
    inverse_.clear();
    for (const double d : divide_) inverse_.push_back(static_cast<float>(1 / d));
  }
  bool fitted() const { return !subtract_.empty(); }

  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    if (!fitted())
      throw Error(name_, "has not been fitted").hint("call fit_all() with the training part first, or give the values");
    Grouping g = grouping_of(x, lead, per_element_, name_);
    if (mean_.size() == 1) {
      g.inner *= g.groups;  // one pair for all
    } else if (static_cast<int64_t>(mean_.size()) != g.groups) {
      throw Error(name_, "has values for " + std::to_string(mean_.size()) + (per_element_ ? " elements" : " channels") +
                             ", the input is " + x.meta().str());
    }
    return affine(x, lead, mean_, inverse_, g.inner, pool);
  }

  /// Calls see(group, values, count) for all runs of values that belong to one group.
  void visit_groups(const Dataset& train, std::span<const TransformPtr> so_far,
                    const std::function<void(size_t groups)>& begin,
                    const std::function<void(size_t group, const float* values, int64_t count)>& see) {
    if (train.size() == 0) throw Error(name_, "cannot be fitted: the training part is empty");
    int64_t groups = 0;
    visit_inputs(train, so_far, [&](const Tensor& inputs, int lead) {
      const Grouping g = grouping_of(inputs, lead, per_element_, name_);
      if (groups == 0) begin(static_cast<size_t>(groups = g.groups));
      if (groups != g.groups) {
        throw Error(name_, "cannot be fitted: an input is " + inputs.meta().str() + ", others have " +
                               std::to_string(groups) + (per_element_ ? " elements" : " channels"));
      }
      const Tensor x = readable(inputs);
      const std::vector<float> converted = x.dtype() == DType::u8 ? x.floats() : std::vector<float>();
      const float* values = converted.empty() ? x.data<float>() : converted.data();
      const int64_t runs = x.numel() / g.inner;
      for (int64_t run = 0; run < runs; ++run) see(static_cast<size_t>(run % groups), values + run * g.inner, g.inner);
    });
  }

 private:
  std::string name_;
  bool per_element_;
  std::vector<double> subtract_, divide_;
  std::vector<float> mean_, inverse_;
};

class Normalize final : public PerGroup {
 public:
  Normalize(std::string name, bool per_element, const NormalizeOptions& o)
      : PerGroup(name, per_element), given_(!o.mean.empty() || !o.std.empty()), only_mean_(o.only_mean) {
    if (given_ && only_mean_) bad_option(name, "only_mean", "no mean and std beside it", "both");
    if (!given_) return;
    if (o.mean.size() != o.std.size()) {
      bad_option(name, "std", std::to_string(o.mean.size()) + " numbers, as many as mean has",
                 std::to_string(o.std.size()));
    }
    for (const double s : o.std) {
      if (!(s > 0)) bad_option(name, "std", "numbers above 0", std::to_string(s));
    }
    set(o.mean, o.std);
  }

  void fit(const Dataset& train, std::span<const TransformPtr> so_far) override {
    if (given_) return;
    // Sums of differences from the first value seen, so that a large mean does not swallow the variance.
    std::vector<double> origin, sum, squares, count;
    visit_groups(
        train, so_far,
        [&](size_t groups) {
          origin.assign(groups, std::nan(""));
          sum.assign(groups, 0);
          squares = count = sum;
        },
        [&](size_t g, const float* values, int64_t n) {
          if (std::isnan(origin[g])) origin[g] = values[0];
          double s = 0, q = 0;
          for (int64_t i = 0; i < n; ++i) {
            const double d = values[i] - origin[g];
            s += d;
            q += d * d;
          }
          sum[g] += s;
          squares[g] += q;
          count[g] += static_cast<double>(n);
        });
    std::vector<double> mean, std;
    for (size_t g = 0; g < sum.size(); ++g) {
      const double m = sum[g] / count[g], variance = squares[g] / count[g] - m * m;
      mean.push_back(origin[g] + m);
      std.push_back(variance > 0 && !only_mean_ ? std::sqrt(variance) : 1);
    }
    set(std::move(mean), std::move(std));
  }

 private:
  bool given_, only_mean_;
};

class MinMax final : public PerGroup {
 public:
  explicit MinMax(RangeOptions o) : PerGroup("min_max", true), options_(o) {
    if (!(o.high > o.low)) bad_option("min_max", "high", "more than low", std::to_string(o.high));
  }

  void fit(const Dataset& train, std::span<const TransformPtr> so_far) override {
    std::vector<double> least, most;
    visit_groups(
        train, so_far,
        [&](size_t groups) {
          least.assign(groups, INFINITY);
          most.assign(groups, -INFINITY);
        },
        [&](size_t g, const float* values, int64_t n) {
          least[g] = std::min<double>(least[g], *std::min_element(values, values + n));
          most[g] = std::max<double>(most[g], *std::max_element(values, values + n));
        });
    // low + (x − least)·(high − low)/(most − least) = (x − subtract) / divide
    std::vector<double> subtract, divide;
    for (size_t g = 0; g < least.size(); ++g) {
      const double range = most[g] - least[g];
      divide.push_back((range > 0 ? range : 1) / (options_.high - options_.low));
      subtract.push_back(least[g] - options_.low * divide.back());
    }
    set(std::move(subtract), std::move(divide));
  }

 private:
  RangeOptions options_;
};

class Noise final : public Transform {
 public:
  explicit Noise(NoiseOptions o) : options_(o) {
    if (!(o.std >= 0)) bad_option("noise", "std", "a number of at least 0", std::to_string(o.std));
  }
  std::string name() const override { return "noise"; }
  void apply(Example& example, Philox& random) const override {
    const Tensor& x = example.at(0);
    if (x.dtype() != DType::f32) {
      throw Error("noise", "expected f32, got " + x.meta().str()).hint("put scale or normalize before it");
    }
    std::vector<float> values = x.floats();
    for (float& v : values) v += static_cast<float>(options_.std * random.normal());
    example[0] = Tensor::from(values, x.shape());
  }

 private:
  NoiseOptions options_;
};

class Flatten final : public Fixed {
 public:
  std::string name() const override { return "flatten"; }
  Shape output_shape(const Shape& input) const override { return {input.numel()}; }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool&) const override {
    Shape shape;
    if (lead) shape.push_back(x.size(0));
    shape.push_back(lead ? x.numel() / std::max<int64_t>(x.size(0), 1) : x.numel());
    auto impl = std::make_shared<TensorImpl>();
    const Tensor packed = x.is_contiguous() ? x : Tensor::from(x.values(), x.shape(), x.dtype());
    impl->meta = Meta(x.dtype(), shape);
    impl->meta.offset = packed.meta().offset;
    impl->storage = packed.impl()->storage;
    return Tensor(std::move(impl));
  }
};

class OneHot final : public Transform {
 public:
  explicit OneHot(OneHotOptions o) : options_(o) {
    if (o.classes < 1) bad_option("one_hot", "classes", "a number of at least 1", std::to_string(o.classes));
    check_probability(o.smoothing, "one_hot");
  }
  std::string name() const override { return "one_hot"; }
  void apply(Example& example, Philox&) const override {
    TensorPool fresh(0);
    example.at(1) = map(example.at(1), 0, fresh);
  }
  bool works_on_batches() const override { return true; }
  void apply_batch(Batch& batch, TensorPool& pool) const override { batch.at(1) = map(batch.at(1), 1, pool); }

 private:
  Tensor map(const Tensor& ids, int lead, TensorPool& pool) const {
    if (ids.dtype() != DType::i64 || ids.rank() != lead)
      throw Error("one_hot", "expected class ids, got " + ids.meta().str());
    Shape shape = ids.shape();
    shape.push_back(options_.classes);
    Tensor out = pool.get(shape, DType::f32);
    auto* to = out.mutable_data<float>();
    const auto rest = static_cast<float>(options_.smoothing / static_cast<double>(options_.classes));
    std::fill(to, to + out.numel(), rest);
    for (const int64_t id : ids.ints()) {
      if (id < 0 || id >= options_.classes) {
        throw Error("one_hot",
                    "a class id is " + std::to_string(id) + ", expected 0 to " + std::to_string(options_.classes - 1));
      }
      to[id] += static_cast<float>(1 - options_.smoothing);
      to += options_.classes;
    }
    return out;
  }
  OneHotOptions options_;
};

}  // namespace

std::unique_ptr<Transform> scale(ScaleOptions options) { return std::make_unique<Scale>(options); }
std::unique_ptr<Transform> normalize(NormalizeOptions options) {
  return std::make_unique<Normalize>("normalize", false, options);
}
std::unique_ptr<Transform> standardize(NormalizeOptions options) {
  return std::make_unique<Normalize>("standardize", true, options);
}
std::unique_ptr<Transform> min_max(RangeOptions options) { return std::make_unique<MinMax>(options); }
std::unique_ptr<Transform> noise(NoiseOptions options) { return std::make_unique<Noise>(options); }
std::unique_ptr<Transform> flatten(FlattenOptions) { return std::make_unique<Flatten>(); }
std::unique_ptr<Transform> one_hot(OneHotOptions options) { return std::make_unique<OneHot>(options); }

}  // namespace lamina::data::transforms
