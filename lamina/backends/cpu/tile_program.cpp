#include "lamina/backends/cpu/tile_program.h"

#include <algorithm>
#include <cstring>

namespace lamina::cpu {

namespace {

int64_t offset_of(const int64_t* steps, const int64_t* index, int axes) {
  int64_t offset = 0;
  for (int d = 0; d < axes; ++d) offset += steps[d] * index[d];
  return offset;
}

void* shifted(void* base, int64_t bytes) { return static_cast<std::byte*>(base) + bytes; }

}  // namespace

struct TileProgram::Run {
  void* const* in;
  void* const* out;
  void* regs[kMaxRegisters];
  uint64_t conflicts = 0;  // bit k: conflicts_[k] holds
};

void TileProgram::load(const Load& l, std::byte* reg, const int64_t* index, int64_t first, void* const* in) const {
  const void* from = shifted(in[l.place.slot], offset_of(l.place.steps, index, split_ + 1));
  if (l.splat) {
    fill_tile(reg, from, l.block.kind, kSplat);
  } else {
    load_block(reg, from, l.block, first);
  }
}

void TileProgram::run_tile(Run& run, const int64_t* index) const {
  const int axes = split_ + 1;
  const int64_t first = std::min(chunk_, loops_.shape[split_] - index[split_] * chunk_);
  const auto count = static_cast<size_t>(first * inner_);
  const size_t padded = (count + kSplat - 1) / kSplat * kSplat;
  for (const Place& p : direct_in_) run.regs[p.reg] = shifted(run.in[p.slot], offset_of(p.steps, index, axes));
  for (const Place& p : direct_out_) run.regs[p.reg] = shifted(run.out[p.slot], offset_of(p.steps, index, axes));
  for (size_t k = 0; k < conflicts_.size(); ++k) {
    const Conflict& c = conflicts_[k];
    if (run.conflicts >> k & 1U) run.regs[c.reg] = run.regs[c.spare];
  }
  for (const Load& l : loads_) load(l, static_cast<std::byte*>(run.regs[l.place.reg]), index, first, run.in);
  void** const regs = run.regs;
  for (const Step& s : steps_) {
    s.fn(regs[s.out], regs[s.a], regs[s.b], regs[s.c], s.single ? kSplat : s.padded ? padded : count, s.splat);
  }
  for (const Store& s : stores_) {
    if (s.conflict >= 0 && !(run.conflicts >> s.conflict & 1U)) continue;
    void* to = shifted(run.out[s.place.slot], offset_of(s.place.steps, index, axes));
    store_block(to, regs[s.place.reg], s.block, first, s.splat);
  }
}

void TileProgram::run(void* const* in, void* const* out, int64_t begin, int64_t end) const {
  alignas(64) std::byte scratch[kScratchBytes];
  Run run;
  run.in = in;
  run.out = out;
  run.regs[kNone] = scratch;
  for (const Buffer& b : buffers_) run.regs[b.reg] = scratch + b.slot * slot_bytes_;
  std::byte* number = scratch + numbers_offset_;
  for (const Register r : numbers_) {
    run.regs[r] = number;
    number += kNumberBytes;
  }
  for (const auto& [reg, offset] : constants_) run.regs[reg] = constant_data_.get() + offset;
  for (size_t k = 0; k < conflicts_.size(); ++k) {
    const Conflict& c = conflicts_[k];
    const bool holds = std::any_of(c.inputs.begin(), c.inputs.end(), [&](int i) { return in[i] == out[c.output]; });
    run.conflicts |= static_cast<uint64_t>(holds) << k;
  }

  int64_t index[Dims::kMaxRank] = {};
  for (const Load& l : once_) load(l, static_cast<std::byte*>(run.regs[l.place.reg]), index, chunk_, in);
  for (const Step& s : uniform_) s.fn(run.regs[s.out], run.regs[s.a], run.regs[s.b], run.regs[s.c], kSplat, s.splat);

  int64_t rest = begin;
  for (int d = split_; d >= 0; --d) {
    const int64_t extent = d == split_ ? chunks_ : loops_.shape[d];
    index[d] = rest % extent;
    rest /= extent;
  }
  for (int64_t tile = begin; tile < end; ++tile) {
    run_tile(run, index);
    for (int d = split_; d >= 0; --d) {
      if (++index[d] < (d == split_ ? chunks_ : loops_.shape[d])) break;
      index[d] = 0;
    }
  }
}

}  // namespace lamina::cpu
