#include "lamina/backends/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "lamina/core/parallel.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kChunkElements = 16 << 10;

template <class T>
void copy_strided(const std::byte* in, int64_t in_step, std::byte* out, int64_t out_step, int64_t n) {
  const T* from = reinterpret_cast<const T*>(in);
  T* to = reinterpret_cast<T*>(out);
  if (in_step == 0 && out_step == 1) {
    std::fill_n(to, n, *from);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * out_step] = from[i * in_step];
  }
}

void copy_row(const std::byte* in, int64_t in_step, std::byte* out, int64_t out_step, int64_t n, size_t bytes) {
  if (in_step == 1 && out_step == 1) {
    std::memcpy(out, in, static_cast<size_t>(n) * bytes);
    return;
  }
  switch (bytes) {
    case 1:
      return copy_strided<uint8_t>(in, in_step, out, out_step, n);
    case 2:
      return copy_strided<uint16_t>(in, in_step, out, out_step, n);
    case 4:
      return copy_strided<uint32_t>(in, in_step, out, out_step, n);
    default:
      return copy_strided<uint64_t>(in, in_step, out, out_step, n);
  }
}

}  // namespace

StridedCopy::StridedCopy(const Shape& shape, const Strides& in, const Strides& out, size_t bytes) : bytes_(bytes) {
  if (shape.numel() == 0) {
    outer_.push_back(0);
    outer_in_.push_back(0);
    outer_out_.push_back(0);
    return;
  }
  const Loops loops = merge_axes(shape, {out, in});
  const int last = loops.rank() - 1;
  int across = -1;  // the axis along which the input is dense, where that is not the last
  for (int d = 0; d < last; ++d) {
    if (loops.strides[1][d] == 1 && loops.shape[d] >= 4) across = d;
  }
  length_ = loops.shape[last];
  step_out_ = loops.strides[0][last];
  step_in_ = loops.strides[1][last];
  transposes_ = across >= 0 && bytes == 4 && step_out_ == 1 && step_in_ > 1 && length_ >= 4;
  for (int d = 0; d < last; ++d) {
    if (transposes_ && d == across) continue;
    outer_.push_back(loops.shape[d]);
    outer_out_.push_back(loops.strides[0][d]);
    outer_in_.push_back(loops.strides[1][d]);
  }
  if (transposes_) {
    columns_ = loops.shape[across];
    column_out_ = loops.strides[0][across];
    column_cuts_ = (columns_ + kTile - 1) / kTile;
  }
  const int64_t cut = transposes_ ? kTile : kRow;
  cuts_ = (length_ + cut - 1) / cut;
}

void StridedCopy::run(const void* in, void* out) const {
  const auto* from = static_cast<const std::byte*>(in);
  auto* to = static_cast<std::byte*>(out);
  const int64_t tasks = outer_.numel() * cuts_ * column_cuts_;
  if (tasks == 0) return;
  const int64_t elements = transposes_ ? std::min(kTile, length_) * std::min(kTile, columns_) : std::min(kRow, length_);
  const int64_t grain = std::max<int64_t>(1, kChunkElements / elements);
  parallel_for(tasks, tasks * elements <= 2 * kChunkElements ? tasks : grain, [&](int64_t begin, int64_t end) {
    transposes_ ? transpose_tiles(from, to, begin, end) : copy_rows(from, to, begin, end);
  });
}

void StridedCopy::copy_rows(const std::byte* in, std::byte* out, int64_t begin, int64_t end) const {
  const auto bytes = static_cast<int64_t>(bytes_);
  for (int64_t task = begin; task < end; ++task) {
    int64_t position = task / cuts_;
    const int64_t start = task % cuts_ * kRow;
    int64_t from = start * step_in_, to = start * step_out_;
    for (int d = outer_.rank() - 1; d >= 0; --d) {
      const int64_t i = position % outer_[d];
      position /= outer_[d];
      from += i * outer_in_[d];
      to += i * outer_out_[d];
    }
    copy_row(in + from * bytes, step_in_, out + to * bytes, step_out_, std::min(kRow, length_ - start), bytes_);
  }
}

void StridedCopy::transpose_tiles(const std::byte* in, std::byte* out, int64_t begin, int64_t end) const {
  const auto bytes = static_cast<int64_t>(bytes_);
  for (int64_t task = begin; task < end; ++task) {
    int64_t position = task / (cuts_ * column_cuts_);
    const int64_t row = task % cuts_ * kTile, column = task / cuts_ % column_cuts_ * kTile;
    int64_t from = row * step_in_ + column, to = row + column * column_out_;
    for (int d = outer_.rank() - 1; d >= 0; --d) {
      const int64_t i = position % outer_[d];
      position /= outer_[d];
      from += i * outer_in_[d];
      to += i * outer_out_[d];
    }
    transpose_block(in + from * bytes, step_in_, out + to * bytes, column_out_, std::min(kTile, length_ - row),
                    std::min(kTile, columns_ - column));
  }
}

}  // namespace lamina::cpu
