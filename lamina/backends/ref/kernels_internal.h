// What the files of the reference backend share. Kernels read their inputs into dense vectors of f64 or i64,
// compute there, and round once when they write.
#pragma once

#include <functional>
#include <type_traits>
#include <variant>
#include <vector>

#include "lamina/engine/backend.h"

namespace lamina::ref {

using Run = std::function<void(void* const* in, void* const* out)>;
/// What a prepare function returns: it copies what it needs of the request, which does not outlive the call.
using Choice = std::variant<Run, Refusal>;
using PrepareFn = Choice (*)(const KernelRequest&);

/// A pointwise value: of a floating-point dtype in f, else in i.
union Scalar {
  double f;
  int64_t i;
};

/// The value that an element of this dtype can hold: rounded, or wrapped around.
Scalar rounded(DType dtype, Scalar value);

/// All elements in row-major order. V is double for floating-point dtypes, int64_t for the others, or Scalar.
template <class V>
std::vector<V> read(const Meta& meta, const void* data);
/// Writes all elements, given in row-major order, rounding; does nothing where nobody wants them (data is null).
template <class V>
void write(const Meta& meta, void* data, const std::vector<V>& values);

extern template std::vector<double> read(const Meta&, const void*);
extern template std::vector<int64_t> read(const Meta&, const void*);
extern template std::vector<Scalar> read(const Meta&, const void*);
extern template void write(const Meta&, void*, const std::vector<double>&);
extern template void write(const Meta&, void*, const std::vector<int64_t>&);
extern template void write(const Meta&, void*, const std::vector<Scalar>&);

/// Calls f.template operator()<V>() with the class in which this dtype is computed.
template <class F>
auto with_class(DType dtype, F&& f) {
  return is_floating(dtype) ? f.template operator()<double>() : f.template operator()<int64_t>();
}

/// A shape seen as [outer, axis, inner].
struct Split {
  int64_t outer = 1, n = 1, inner = 1;
  Split(const Shape& shape, int axis);
};

/// Calls body(index) for every multi-index of a shape, in row-major order.
void for_each_index(const Shape& shape, const std::function<void(const Dims& index)>& body);
/// Row-major position of a multi-index.
int64_t position(const Dims& index, const Shape& shape);

/// Indices of an i64 or i32 tensor; throws Error naming `op` where one lies outside [0, extent).
std::vector<int64_t> read_indices(const Meta& meta, const void* data, int64_t extent, const char* op);

// One per file; the table in ref.cpp names the ops.
Choice prepare_pointwise(const KernelRequest&);
Choice prepare_program(const PointwiseProgram&, std::span<const Meta> in, std::span<const Meta> out);
Choice prepare_pad(const KernelRequest&);
Choice prepare_concat(const KernelRequest&);
Choice prepare_contiguous(const KernelRequest&);
Choice prepare_arange(const KernelRequest&);
Choice prepare_reduce(const KernelRequest&);
Choice prepare_arg(const KernelRequest&);
Choice prepare_cumsum(const KernelRequest&);
Choice prepare_matmul(const KernelRequest&);
Choice prepare_conv(const KernelRequest&);
Choice prepare_conv_input_grad(const KernelRequest&);
Choice prepare_conv_weight_grad(const KernelRequest&);
Choice prepare_max_pool(const KernelRequest&);
Choice prepare_max_pool_backward(const KernelRequest&);
Choice prepare_max_pool_gather(const KernelRequest&);
Choice prepare_avg_pool(const KernelRequest&);
Choice prepare_norm(const KernelRequest&);
Choice prepare_norm_backward(const KernelRequest&);
Choice prepare_response_norm(const KernelRequest&);
Choice prepare_softmax(const KernelRequest&);
Choice prepare_cross_entropy(const KernelRequest&);
Choice prepare_gather(const KernelRequest&);
Choice prepare_scatter_add(const KernelRequest&);
Choice prepare_index_select(const KernelRequest&);
Choice prepare_index_add(const KernelRequest&);
Choice prepare_one_hot(const KernelRequest&);
Choice prepare_sort(const KernelRequest&);
Choice prepare_lstm(const KernelRequest&);
Choice prepare_gru(const KernelRequest&);
Choice prepare_rnn(const KernelRequest&);
Choice prepare_ctc(const KernelRequest&);
Choice prepare_random(const KernelRequest&);
Choice prepare_permutation(const KernelRequest&);
Choice prepare_advance(const KernelRequest&);

}  // namespace lamina::ref
