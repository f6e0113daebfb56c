// Random numbers: counter-based (Philox), a function of (seed, call, element) alone, hence the same
// eager and captured, and for any number of threads.
#pragma once

#include "lamina/engine/variable.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

/// A random state: i64 [2] = {seed, calls made}. Give its state() to capture() with the parameters.
class Generator {
 public:
  explicit Generator(int64_t seed = 0);
  /// The key of the next call; advances the state.
  Tensor next_key() const;
  const Variable& state() const { return state_; }
  void seed(int64_t seed) const;

 private:
  Variable state_;
};

/// The generator used where none is given: that of the innermost ForwardScope, else a thread-wide one seeded 0.
Generator& default_generator();

/// Installs a generator as the default of this thread while it lives.
class GeneratorScope {
 public:
  explicit GeneratorScope(Generator& generator);
  ~GeneratorScope();
  GeneratorScope(const GeneratorScope&) = delete;

 private:
  Generator* previous_;
};

Tensor random_uniform(const Shape& shape, double low = 0, double high = 1,
                      const Generator& generator = default_generator(), DType dtype = DType::f32);
Tensor random_normal(const Shape& shape, double mean = 0, double stddev = 1,
                     const Generator& generator = default_generator(), DType dtype = DType::f32);
/// bool, true with probability p.
Tensor random_bernoulli(const Shape& shape, double p, const Generator& generator = default_generator());
/// i64 [n]: 0 … n−1 in random order.
Tensor random_permutation(int64_t n, const Generator& generator = default_generator());
/// Zeroes each element with probability p and scales the others by 1/(1 − p). (Srivastava et al. 2014)
Tensor dropout(const Tensor& x, double p, const Generator& generator = default_generator());

}  // namespace lamina
