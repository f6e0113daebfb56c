#include <string>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/core/philox.h"

namespace lamina::ref {

namespace {

/// The input of every random op: {seed, call}.
struct Key {
  uint64_t seed, call;
  Key(const Meta& meta, const void* data) {
    const std::vector<int64_t> words = read<int64_t>(meta, data);
    seed = static_cast<uint64_t>(words[0]);
    call = static_cast<uint64_t>(words[1]);
  }
};

template <class T>
Run filler(const KernelRequest& r) {
  return
      [uniform = r.op == OpId::random_uniform, key = r.in[0], n = r.out[0].numel()](void* const* in, void* const* out) {
        const Key k(key, in[0]);
        (uniform ? fill_uniform(k.seed, k.call, 0, n, static_cast<T*>(out[0]))
                 : fill_normal(k.seed, k.call, 0, n, static_cast<T*>(out[0])));
      };
}

}  // namespace

Choice prepare_random(const KernelRequest& r) {
  switch (r.out[0].dtype) {
    case DType::f32:
      return filler<float>(r);
    case DType::f64:
      return filler<double>(r);
    case DType::bf16:
      return filler<bfloat16>(r);
    default:
      return Refusal{"draws floating-point numbers, not " + std::string(name_of(r.out[0].dtype))};
  }
}

Choice prepare_permutation(const KernelRequest& r) {
  return [key = r.in[0], n = r.out[0].numel()](void* const* in, void* const* out) {
    const Key k(key, in[0]);
    fill_permutation(k.seed, k.call, n, static_cast<int64_t*>(out[0]));
  };
}

Choice prepare_advance(const KernelRequest& r) {
  return [key = r.in[0], next = r.out[0]](void* const* in, void* const* out) {
    std::vector<int64_t> words = read<int64_t>(key, in[0]);
    ++words[1];
    write(next, out[0], words);
  };
}

}  // namespace lamina::ref
