#include "lamina/ops/random.h"

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/random_attrs.h"

namespace lamina {

namespace {

Metas infer_random(std::span<const Meta>, const Attrs& a) {
  return {Meta(a.as<RandomAttrs>().dtype, a.as<RandomAttrs>().shape)};
}
Metas infer_state(std::span<const Meta> in, const Attrs&) { return {Meta(in[0].dtype, in[0].shape)}; }

constexpr Traits kRandom{.stateful = true, .saves = Saves::nothing};

thread_local Generator* innermost = nullptr;

}  // namespace

const OpDef random_uniform_def{.name = "random_uniform",
                               .infer = infer_random,
                               .gradient = ZeroGrad{},
                               .traits = kRandom,
                               .onnx = {"RandomUniform", 1}};
const OpDef random_normal_def{.name = "random_normal",
                              .infer = infer_random,
                              .gradient = ZeroGrad{},
                              .traits = kRandom,
                              .onnx = {"RandomNormal", 1}};
const OpDef random_permutation_def{
    .name = "random_permutation", .infer = infer_random, .gradient = ZeroGrad{}, .traits = kRandom};
const OpDef random_advance_def{
    .name = "random_advance", .infer = infer_state, .gradient = ZeroGrad{}, .traits = kRandom};

namespace {

Tensor seeded(int64_t seed) {
  const int64_t values[2] = {seed, 0};
  return Tensor::from(std::span<const int64_t>(values), {2});
}

}  // namespace

// It assigns nothing: a generator may be made while a step is captured.
Generator::Generator(int64_t seed) : state_(seeded(seed)) {}

void Generator::seed(int64_t seed) const { state_.assign(seeded(seed)); }

Tensor Generator::next_key() const {
  const Tensor key = state_.value();
  state_.assign(dispatch1(OpId::random_advance, {key}));
  return key;
}

Generator& default_generator() {
  thread_local Generator own(0);
  return innermost ? *innermost : own;
}

GeneratorScope::GeneratorScope(Generator& generator) : previous_(innermost) { innermost = &generator; }
GeneratorScope::~GeneratorScope() { innermost = previous_; }

Tensor random_uniform(const Shape& shape, double low, double high, const Generator& generator, DType dtype) {
  if (!(low <= high))
    throw Error("random_uniform", "low " + std::to_string(low) + " is above high " + std::to_string(high));
  const Tensor u = dispatch1(OpId::random_uniform, {generator.next_key()}, RandomAttrs{shape, dtype});
  return low == 0 && high == 1 ? u : u * (high - low) + low;
}

Tensor random_normal(const Shape& shape, double mean, double stddev, const Generator& generator, DType dtype) {
  if (!(stddev >= 0)) throw Error("random_normal", "stddev must be 0 or more, got " + std::to_string(stddev));
  const Tensor z = dispatch1(OpId::random_normal, {generator.next_key()}, RandomAttrs{shape, dtype});
  return mean == 0 && stddev == 1 ? z : z * stddev + mean;
}

Tensor random_bernoulli(const Shape& shape, double p, const Generator& generator) {
  if (!(p >= 0 && p <= 1)) throw Error("random_bernoulli", "p must lie in [0, 1], got " + std::to_string(p));
  return lt(dispatch1(OpId::random_uniform, {generator.next_key()}, RandomAttrs{shape, DType::f32}), p);
}

Tensor random_permutation(int64_t n, const Generator& generator) {
  if (n < 0) throw Error("random_permutation", "n must be 0 or more, got " + std::to_string(n));
  return dispatch1(OpId::random_permutation, {generator.next_key()}, RandomAttrs{{n}, DType::i64});
}

Tensor dropout(const Tensor& x, double p, const Generator& generator) {
  if (!(p >= 0 && p < 1)) throw Error("dropout", "p must lie in [0, 1), got " + std::to_string(p));
  if (p == 0) return x;
  return where(random_bernoulli(x.shape(), 1 - p, generator), x * (1 / (1 - p)), 0.0);
}

}  // namespace lamina
