// A pointwise program compiled for given metas: which elements make a tile, which function each
// instruction calls, where each register lives while a tile is worked on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lamina/backends/cpu/loops.h"
#include "lamina/backends/cpu/tile.h"
#include "lamina/backends/cpu/tile_copy.h"
#include "lamina/engine/pointwise_program.h"

namespace lamina::cpu {

class TileProgram {
 public:
  static constexpr int kMaxRegisters = 192;
  /// Memory of the registers of one tile, on the stack of the thread that runs it.
  static constexpr size_t kScratchBytes = 64 << 10;
  static constexpr size_t kNumberBytes = kSplat * 8;

  /// Empty where it cannot be compiled; `why` says what is missing.
  static std::optional<TileProgram> compile(const PointwiseProgram& program, std::span<const Meta> in,
                                            std::span<const Meta> out, std::string& why);

  int64_t tiles() const { return tiles_; }
  int64_t tile_elements() const { return chunk_ * inner_; }
  /// Work of one element, in additions.
  int64_t cost() const { return cost_; }
  /// Any range of tiles, on any thread.
  void run(void* const* in, void* const* out, int64_t begin, int64_t end) const;

 private:
  friend class TileCompiler;
  using Register = uint16_t;
  static constexpr Register kNone = 0;  // an operand that the function does not read

  /// Calls fn on the whole tile, or on kSplat elements where the result is one number.
  struct Step {
    TileFn fn;
    Register out, a, b, c;
    uint16_t splat;  // operands that are splats
    bool single;     // so is the result
    bool padded;     // all operands and the result are buffers: the last vector may be a whole one
  };
  /// Where a register's memory follows the position in the tensor. Steps in bytes.
  struct Place {
    Register reg;
    uint16_t slot;                  // number of the input or output
    int64_t steps[Dims::kMaxRank];  // per axis outside the tile, then that of the chunks
  };
  struct Buffer {
    Register reg;
    uint32_t slot;  // in scratch; multiplied with the bytes of a tile
  };
  /// An input that is copied into its register's buffer, or one number of it.
  struct Load {
    Place place;
    Block block;
    bool splat;
  };
  /// A register that is copied to an output behind the last instruction.
  struct Store {
    Place place;
    Block block;
    bool splat;
    int conflict;  // index into conflicts_: only where that holds; −1: always
  };
  /// An output may share memory with an input that is read after it is written: the output then
  /// stays in its buffer until the end of the tile.
  struct Conflict {
    Register reg, spare;  // spare: names the buffer
    uint16_t output;
    std::vector<uint16_t> inputs;
  };

  struct Run;  // the state of one call of run()

  void load(const Load& load, std::byte* reg, const int64_t* index, int64_t first, void* const* in) const;
  void run_tile(Run& run, const int64_t* index) const;

  Loops loops_;
  int split_ = 0;      // the axis that is cut into chunks
  int64_t chunk_ = 1;  // its elements per tile
  int64_t inner_ = 1;  // elements of the axes inside it
  int64_t chunks_ = 1, tiles_ = 0, cost_ = 1;
  size_t slot_bytes_ = 0;
  std::vector<Buffer> buffers_;                // tiles in scratch
  std::vector<Register> numbers_;              // splats, behind them
  std::vector<Load> once_, loads_;             // before the first tile; for each tile
  std::vector<Step> uniform_, steps_;          // likewise
  std::vector<Place> direct_in_, direct_out_;  // read and written in place
  std::vector<Store> stores_;
  std::vector<Conflict> conflicts_;
  std::vector<std::pair<Register, size_t>> constants_;  // offset in constant_data_
  std::shared_ptr<std::byte[]> constant_data_;
  size_t numbers_offset_ = 0;
};

}  // namespace lamina::cpu
