// Random numbers. The generator itself is that of lamina/core/philox.h, hence the same on every backend.
#include "lamina/backends/cpu/kernels.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kChunkElements = 4 << 10;

/// The input of every random op: i64 {seed, call}.
struct Key {
  uint64_t seed, call;
  explicit Key(const void* state) {
    const auto* words = static_cast<const int64_t*>(state);
    seed = static_cast<uint64_t>(words[0]);
    call = static_cast<uint64_t>(words[1]);
  }
};

template <class T>
class FillKernel final : public Kernel {
 public:
  FillKernel(bool uniform, int64_t n) : uniform_(uniform), n_(n) {}

  void run(void* const* in, void* const* out, void*) override {
    const Key key(in[0]);
    auto* y = static_cast<T*>(out[0]);
    parallel_for(n_, kChunkElements, [&](int64_t begin, int64_t end) {
      (uniform_ ? fill_uniform(key.seed, key.call, begin, end - begin, y + begin)
                : fill_normal(key.seed, key.call, begin, end - begin, y + begin));
    });
  }

 private:
  const bool uniform_;
  const int64_t n_;
};

class PermutationKernel final : public Kernel {
 public:
  explicit PermutationKernel(int64_t n) : n_(n) {}
  void run(void* const* in, void* const* out, void*) override {
    const Key key(in[0]);
    fill_permutation(key.seed, key.call, n_, static_cast<int64_t*>(out[0]));
  }

 private:
  const int64_t n_;
};

class AdvanceKernel final : public Kernel {
 public:
  void run(void* const* in, void* const* out, void*) override {
    const auto* now = static_cast<const int64_t*>(in[0]);
    auto* next = static_cast<int64_t*>(out[0]);
    const int64_t seed = now[0], calls = now[1];  // the two may be the same memory
    next[0] = seed;
    next[1] = calls + 1;
  }
};

}  // namespace

KernelChoice prepare_random(const KernelRequest& r) {
  const Meta& out = r.out[0];
  if (r.op == OpId::random_advance) return std::make_unique<AdvanceKernel>();
  if (r.op == OpId::random_permutation) return std::make_unique<PermutationKernel>(out.numel());
  if (!out.is_contiguous()) return Refusal{"writes contiguous results"};
  const bool uniform = r.op == OpId::random_uniform;
  switch (out.dtype) {
    case DType::f32:
      return std::make_unique<FillKernel<float>>(uniform, out.numel());
    case DType::f64:
      return std::make_unique<FillKernel<double>>(uniform, out.numel());
    case DType::bf16:
      return std::make_unique<FillKernel<bfloat16>>(uniform, out.numel());
    default:
      return Refusal{"draws floating-point numbers, not " + std::string(name_of(out.dtype))};
  }
}

}  // namespace lamina::cpu
