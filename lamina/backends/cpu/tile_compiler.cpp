// Compiles pointwise programs for TileProgram.
#include <algorithm>
#include <climits>
#include <cstring>

#include "lamina/backends/cpu/tile_program.h"
#include "lamina/ops/pointwise_attrs.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kPreferredTile = 1024, kSmallestTile = 64, kStreamTile = 8192;
constexpr size_t kPreferredBytes = 32 << 10;
constexpr size_t kConstantBytes = TileProgram::kNumberBytes;

/// What a register holds while a tile is worked on.
enum class Holds : uint8_t {
  constant,  // one number, known now
  uniform,   // one number per run
  single,    // one number per tile
  tile,
};

DType in_tile(DType d) { return d == DType::bf16 ? DType::f32 : d; }

void copy_tile(void* out, const void* a, const void*, const void*, size_t n, unsigned) {
  std::memmove(out, a, n * sizeof(float));
}

template <class T>
void fill_constant(std::byte* to, T value) {
  for (size_t i = 0; i < kSplat; ++i) std::memcpy(to + i * sizeof(T), &value, sizeof(T));
}

void write_constant(std::byte* to, double value, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return fill_constant(to, static_cast<float>(value));
    case DType::bf16:
      return fill_constant(to, static_cast<float>(bfloat16(static_cast<float>(value))));
    case DType::f64:
      return fill_constant(to, value);
    case DType::i64:
      return fill_constant(to, static_cast<int64_t>(value));
    case DType::i32:
      return fill_constant(to, static_cast<int32_t>(value));
    case DType::u8:
      return fill_constant(to, static_cast<uint8_t>(value));
    case DType::boolean:
      return fill_constant(to, value != 0);
  }
}

}  // namespace

class TileCompiler {
 public:
  TileCompiler(const PointwiseProgram& program, std::span<const Meta> in, std::span<const Meta> out)
      : program_(program), in_(in), out_(out), inputs_(program.inputs.size()) {}

  std::optional<TileProgram> run(std::string& why) {
    if (inputs_ + program_.instructions.size() * 2 + 1 > TileProgram::kMaxRegisters) {
      why = "a program of " + std::to_string(program_.instructions.size()) + " instructions is too long";
      return std::nullopt;
    }
    int64_t tile = kPreferredTile;
    for (bool fits = false; !fits;) {
      if (!build(tile, why)) return std::nullopt;
      const size_t per_element = slots_ * slot_element_;
      if (per_element == 0 && tile == kPreferredTile) {
        tile = std::clamp<int64_t>(result_.loops_.shape.numel() / 16 / 64 * 64, kPreferredTile, kStreamTile);
        fits = tile == kPreferredTile;
      } else {
        fits = tile == kSmallestTile || per_element * static_cast<size_t>(tile) <= kPreferredBytes || per_element == 0;
        if (!fits) {
          tile = std::max<int64_t>(kSmallestTile, static_cast<int64_t>(kPreferredBytes / per_element) / 64 * 64);
        }
      }
    }
    return std::move(result_);
  }

 private:
  using Register = TileProgram::Register;

  /// Registers of the compiled program: 0 is none, then those of the source, then spare names.
  static Register reg(int source) { return static_cast<Register>(source + 1); }

  bool build(int64_t tile, std::string& why) {
    result_ = {};
    slots_ = 0;
    free_slots_.clear();
    const size_t registers = inputs_ + program_.instructions.size();
    slot_of_.assign(registers, -1);
    buffered_.assign(registers, false);
    holds_.assign(registers, Holds::tile);
    spare_ = static_cast<Register>(registers + 1);
    split_axes(tile);
    find_last_uses();
    direct_.assign(registers, -1);
    classify();
    find_pairs();
    place_inputs();
    choose_direct_outputs();
    for (size_t i = 0; i < program_.instructions.size(); ++i) {
      if (!compile_instruction(i, why)) return false;
    }
    store_outputs();
    finish();
    return true;
  }

  DType dtype(int r) const {
    const auto i = static_cast<size_t>(r);
    return i < inputs_ ? program_.inputs[i] : program_.instructions[i - inputs_].dtype;
  }
  Holds& holds(int r) { return holds_[static_cast<size_t>(r)]; }

  void split_axes(int64_t tile) {
    std::vector<Strides> strides;
    for (const Meta& m : out_) strides.push_back(m.strides);
    for (const Meta& m : in_) strides.push_back(m.strides);
    const Shape& shape = out_.empty() ? in_[0].shape : out_[0].shape;
    const bool empty = shape.numel() == 0;
    result_.loops_ = merge_axes(empty ? Dims::filled(shape.rank(), 1) : shape, strides);
    const Shape& merged = result_.loops_.shape;
    int split = merged.rank() - 1;
    int64_t inner = 1;
    while (split > 0 && inner * merged[split] <= tile) inner *= merged[split--];
    const int64_t extent = merged[split], most = std::max<int64_t>(1, tile / inner);
    int64_t chunks = (extent + most - 1) / most;
    int64_t chunk = chunks > 0 ? (extent + chunks - 1) / chunks : 1;
    if (inner == 1 && chunks > 1) {
      chunk = std::min(most, (chunk + 63) / 64 * 64);  // whole cache lines
      chunks = (extent + chunk - 1) / chunk;
    }
    result_.split_ = split;
    result_.chunk_ = chunk;
    result_.inner_ = inner;
    result_.chunks_ = chunks;
    result_.tiles_ = chunks;
    for (int d = 0; d < split; ++d) result_.tiles_ *= merged[d];
    if (empty) result_.tiles_ = 0;
    slot_element_ = 1;
    for (size_t r = 0; r < inputs_ + program_.instructions.size(); ++r) {
      slot_element_ = std::max(slot_element_, tile_size(dtype(static_cast<int>(r))));
    }
    slot_element_ = std::max<size_t>(slot_element_, 4);
  }

  void find_last_uses() {
    last_use_.assign(inputs_ + program_.instructions.size(), -1);
    for (size_t i = 0; i < program_.instructions.size(); ++i) {
      for (int r : program_.instructions[i].in) last_use_[static_cast<size_t>(r)] = static_cast<int>(i);
    }
  }

  void classify() {
    for (size_t i = 0; i < inputs_; ++i) {
      const Strides& s = strides_in(i);
      if (is_single(s)) holds_[i] = is_fixed(s) ? Holds::uniform : Holds::single;
    }
    for (size_t i = 0; i < program_.instructions.size(); ++i) {
      const PointwiseProgram::Instruction& ins = program_.instructions[i];
      Holds kind = ins.op == OpId::full ? Holds::constant : Holds::uniform;
      for (int a : ins.in) kind = std::max(kind, holds(a));
      holds_[inputs_ + i] = kind;
    }
  }

  // ---- pairs of instructions that run as one ----

  /// The instruction that register r, an operand of a later one, can be computed with: the only one to read it.
  bool may_be_absorbed(int r, const std::vector<int>& uses) const {
    if (static_cast<size_t>(r) < inputs_) return false;
    const size_t i = static_cast<size_t>(r) - inputs_;
    return uses[static_cast<size_t>(r)] == 1 && partner_[i] < 0 && holds_[static_cast<size_t>(r)] == Holds::tile &&
           is_f32(program_.instructions[i]) && program_.instructions[i].in.size() == 2;
  }
  bool is_f32(const PointwiseProgram::Instruction& ins) const {
    return ins.dtype == DType::f32 && !ins.in.empty() && dtype(ins.in[0]) == DType::f32;
  }

  void find_pairs() {
    const size_t n = program_.instructions.size();
    partner_.assign(n, -1);
    absorbed_.assign(n, false);
    std::vector<int> uses(inputs_ + n, 0);
    for (const auto& ins : program_.instructions) {
      for (int r : ins.in) ++uses[static_cast<size_t>(r)];
    }
    for (int r : program_.outputs) uses[static_cast<size_t>(r)] += 2;
    for (size_t j = 0; j < n; ++j) {
      const PointwiseProgram::Instruction& ins = program_.instructions[j];
      if (!is_f32(ins) || holds_[inputs_ + j] != Holds::tile) continue;
      for (size_t k = 0; k < ins.in.size() && partner_[j] < 0; ++k) {
        if (!may_be_absorbed(ins.in[k], uses)) continue;
        const size_t i = static_cast<size_t>(ins.in[k]) - inputs_;
        if (!find_tile_pair(program_.instructions[i].op, ins.op, k == 1)) continue;
        partner_[j] = static_cast<int>(i);
        absorbed_[i] = true;
        for (int r : program_.instructions[i].in) {
          int& last = last_use_[static_cast<size_t>(r)];
          last = std::max(last, static_cast<int>(j));
        }
      }
    }
  }

  // ---- where operands lie ----

  const Strides& strides_in(size_t i) const { return result_.loops_.strides[out_.size() + i]; }
  const Strides& strides_out(size_t i) const { return result_.loops_.strides[i]; }
  int rank() const { return result_.loops_.rank(); }
  /// The first axis that varies within a tile.
  int first_axis() const {
    return result_.chunk_ == 1 && result_.split_ + 1 < rank() ? result_.split_ + 1 : result_.split_;
  }

  bool is_single(const Strides& s) const {
    for (int d = first_axis(); d < rank(); ++d) {
      if (s[d] != 0) return false;
    }
    return true;
  }
  bool is_dense(const Strides& s) const {
    int64_t expected = 1;
    for (int d = rank() - 1; d >= first_axis(); --d) {
      if (s[d] != expected) return false;
      expected *= result_.loops_.shape[d];
    }
    return true;
  }
  /// The same for every tile.
  bool is_fixed(const Strides& s) const {
    for (int d = 0; d < result_.split_; ++d) {
      if (s[d] != 0) return false;
    }
    return s[result_.split_] == 0 || result_.chunks_ == 1;
  }

  TileProgram::Place place(Register r, size_t slot, const Strides& s, DType d) const {
    TileProgram::Place p{r, static_cast<uint16_t>(slot), {}};
    const auto bytes = static_cast<int64_t>(size_of(d));
    for (int axis = 0; axis < result_.split_; ++axis) p.steps[axis] = s[axis] * bytes;
    p.steps[result_.split_] = s[result_.split_] * result_.chunk_ * bytes;
    return p;
  }

  Block block(const Strides& s, DType d) const {
    Block b;
    b.kind = copy_kind(d);
    for (int axis = result_.split_; axis < rank(); ++axis) {
      b.shape[b.rank] = result_.loops_.shape[axis];
      b.strides[b.rank++] = s[axis];
    }
    return b;
  }

  // ---- buffers ----

  void take_slot(int r, Register name) {
    int slot;
    if (free_slots_.empty()) {
      slot = static_cast<int>(slots_++);
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    slot_of_[static_cast<size_t>(r)] = slot;
    buffered_[static_cast<size_t>(r)] = true;
    result_.buffers_.push_back({name, static_cast<uint32_t>(slot)});
  }
  void release(int r) {
    int& slot = slot_of_[static_cast<size_t>(r)];
    if (slot >= 0) free_slots_.push_back(slot);
    slot = -1;
  }
  static constexpr int kForever = INT_MAX;

  // ---- inputs, outputs ----

  void place_inputs() {
    for (int r : program_.outputs) {
      if (static_cast<size_t>(r) < inputs_) last_use_[static_cast<size_t>(r)] = kForever;
    }
    for (size_t i = 0; i < inputs_; ++i) {
      const int r = static_cast<int>(i);
      const DType d = program_.inputs[i];
      const Strides& s = strides_in(i);
      const bool single = is_single(s), fixed = is_fixed(s);
      if (!single && d != DType::bf16 && is_dense(s)) {
        result_.direct_in_.push_back(place(reg(r), i, s, d));
        continue;
      }
      (fixed ? result_.once_ : result_.loads_).push_back({place(reg(r), i, s, d), block(s, d), single});
      if (single) {
        result_.numbers_.push_back(reg(r));
      } else {
        take_slot(r, reg(r));
        if (fixed) last_use_[i] = kForever;
      }
    }
  }

  bool may_write_directly(size_t output) const {
    const int r = program_.outputs[output];
    return static_cast<size_t>(r) >= inputs_ && dtype(r) != DType::bf16 && is_dense(strides_out(output));
  }

  void choose_direct_outputs() {
    for (size_t k = 0; k < program_.outputs.size(); ++k) {
      int& home = direct_[static_cast<size_t>(program_.outputs[k])];
      if (home < 0 && may_write_directly(k)) home = static_cast<int>(k);
      if (home != static_cast<int>(k)) last_use_[static_cast<size_t>(program_.outputs[k])] = kForever;
    }
  }

  /// The result of instruction i goes straight to output k. Where a later instruction reads an input that
  /// could be the same memory, a buffer is kept ready.
  void write_directly(size_t i, int k) {
    const int r = static_cast<int>(inputs_ + i);
    const DType d = dtype(r);
    result_.direct_out_.push_back(place(reg(r), static_cast<size_t>(k), strides_out(static_cast<size_t>(k)), d));
    TileProgram::Conflict conflict{reg(r), spare_, static_cast<uint16_t>(k), {}};
    for (size_t j = 0; j < inputs_; ++j) {
      if (last_use_[j] > static_cast<int>(i)) conflict.inputs.push_back(static_cast<uint16_t>(j));
    }
    if (conflict.inputs.empty()) return;
    take_slot(r, spare_++);
    last_use_[static_cast<size_t>(r)] = kForever;
    const Strides& s = strides_out(static_cast<size_t>(k));
    const auto number = static_cast<int>(result_.conflicts_.size());
    result_.stores_.push_back({place(reg(r), static_cast<size_t>(k), s, d), block(s, d), false, number});
    result_.conflicts_.push_back(std::move(conflict));
  }

  void store_outputs() {
    for (size_t k = 0; k < program_.outputs.size(); ++k) {
      const int r = program_.outputs[k];
      if (direct_[static_cast<size_t>(r)] == static_cast<int>(k) && holds(r) == Holds::tile) continue;
      const Strides& s = strides_out(k);
      result_.stores_.push_back({place(reg(r), k, s, dtype(r)), block(s, dtype(r)), holds(r) != Holds::tile, -1});
    }
  }

  // ---- instructions ----

  /// A function and what it reads.
  struct Call {
    TileFn fn = nullptr;
    std::vector<int> operands;
    int cost = 1;
  };

  bool compile_instruction(size_t i, std::string& why) {
    const PointwiseProgram::Instruction& ins = program_.instructions[i];
    const int r = static_cast<int>(inputs_ + i);
    if (ins.op == OpId::full) {
      constants_.emplace_back(reg(r), ins.attrs.as<FullAttrs>().value, ins.dtype);
      return true;
    }
    if (absorbed_[i]) return true;
    const Call call = partner_[i] >= 0 ? paired_call(i) : single_call(ins);
    if (!call.fn) {
      why = "no function for " + std::string(name_of(ins.op)) + " of " + std::string(name_of(dtype(ins.in[0]))) +
            " to " + std::string(name_of(ins.dtype));
      return false;
    }
    result_.cost_ += call.cost;
    if (holds(r) != Holds::tile) {
      result_.numbers_.push_back(reg(r));
      emit(ins.dtype, r, call);
      return true;
    }
    for (int a : call.operands) release_dead(a, i, tile_size(dtype(a)) == tile_size(ins.dtype));
    if (const int k = direct_[static_cast<size_t>(r)]; k >= 0) {
      write_directly(i, k);
    } else {
      take_slot(r, reg(r));
    }
    for (int a : call.operands) release_dead(a, i, true);
    emit(ins.dtype, r, call);
    release_dead(r, i, last_use_[static_cast<size_t>(r)] < 0);
    return true;
  }

  Call single_call(const PointwiseProgram::Instruction& ins) const {
    std::vector<DType> dtypes;
    for (int a : ins.in) dtypes.push_back(in_tile(dtype(a)));
    const DType to = in_tile(ins.dtype);
    if (ins.op == OpId::cast && dtypes[0] == to) return {copy_tile, ins.in};
    const TileOp* op = find_tile_op(ins.op, dtypes, to);
    return op ? Call{op->fn, ins.in, op->cost} : Call{};
  }

  Call paired_call(size_t j) const {
    const PointwiseProgram::Instruction& second = program_.instructions[j];
    const auto i = static_cast<size_t>(partner_[j]);
    const PointwiseProgram::Instruction& first = program_.instructions[i];
    const bool turned = second.in[0] != static_cast<int>(inputs_ + i);
    Call call{find_tile_pair(first.op, second.op, turned), first.in, 2};
    call.operands.push_back(second.in.size() == 1 ? first.in[0] : second.in[turned ? 0 : 1]);
    return call;
  }

  void release_dead(int r, size_t i, bool allowed) {
    if (allowed && last_use_[static_cast<size_t>(r)] <= static_cast<int>(i)) release(r);
  }

  void emit(DType to, int r, const Call& call) {
    const Holds kind = holds(r);
    TileProgram::Step step{
        call.fn, reg(r), 0, 0, 0, 0, kind == Holds::single, in_tile(to) == DType::f32 && is_buffer(r)};
    Register* operands[3] = {&step.a, &step.b, &step.c};
    for (size_t k = 0; k < call.operands.size(); ++k) {
      const int a = call.operands[k];
      *operands[k] = reg(a);
      if (holds(a) != Holds::tile) {
        step.splat = static_cast<uint16_t>(step.splat | 1U << k);
      } else {
        step.padded = step.padded && is_buffer(a);
      }
    }
    auto& list = kind <= Holds::uniform ? result_.uniform_ : result_.steps_;
    list.push_back(step);
    if (to != DType::bf16) return;
    list.push_back({round_to_bf16(), reg(r), reg(r), 0, 0, 0, kind == Holds::single, step.padded});
  }

  /// In scratch memory, which ends behind a whole number of vectors.
  bool is_buffer(int r) const {
    const auto i = static_cast<size_t>(r);
    return direct_[i] < 0 && buffered_[i];
  }

  void finish() {
    constexpr auto kPad = static_cast<int64_t>(kSplat);
    const int64_t elements = (result_.chunk_ * result_.inner_ + kPad - 1) / kPad * kPad;
    result_.slot_bytes_ = static_cast<size_t>(elements) * slot_element_;
    result_.numbers_offset_ = slots_ * result_.slot_bytes_;
    result_.cost_ += static_cast<int64_t>(in_.size() + out_.size());
    if (constants_.empty()) return;
    result_.constant_data_ =
        std::shared_ptr<std::byte[]>(new (std::align_val_t(64)) std::byte[constants_.size() * kConstantBytes],
                                     [](std::byte* p) { operator delete[](p, std::align_val_t(64)); });
    size_t offset = 0;
    for (const auto& [name, value, dtype] : constants_) {
      write_constant(result_.constant_data_.get() + offset, value, dtype);
      result_.constants_.emplace_back(name, offset);
      offset += kConstantBytes;
    }
    constants_.clear();
  }

  const PointwiseProgram& program_;
  const std::span<const Meta> in_, out_;
  const size_t inputs_;
  TileProgram result_;
  std::vector<Holds> holds_;    // per source register
  std::vector<int> last_use_;   // the last instruction that reads it
  std::vector<int> slot_of_;    // the buffer it occupies now
  std::vector<bool> buffered_;  // has or had one
  std::vector<int> direct_;     // the output it is written to
  std::vector<int> partner_;    // per instruction: an earlier one that runs with it, −1: none
  std::vector<bool> absorbed_;  // it runs with a later one
  std::vector<int> free_slots_;
  size_t slots_ = 0, slot_element_ = 4;
  Register spare_ = 0;
  std::vector<std::tuple<Register, double, DType>> constants_;
};

std::optional<TileProgram> TileProgram::compile(const PointwiseProgram& program, std::span<const Meta> in,
                                                std::span<const Meta> out, std::string& why) {
  return TileCompiler(program, in, out).run(why);
}

}  // namespace lamina::cpu
