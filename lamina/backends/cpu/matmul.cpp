// Matrix products by register tiles.
//
// The work is cut into blocks of the result by its shape alone and every element is summed in one
// order, so the bits do not depend on the number of threads. The right operand is packed into panels
// unless it can be read as it lies; the left one is read in place. Of the two ways to see a product,
// C = A·B and Cᵀ = Bᵀ·Aᵀ, the one that packs less is taken.
#include <algorithm>
#include <array>
#include <functional>

#include "lamina/backends/cpu/epilogue.h"
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/product_kernels.h"
#include "lamina/core/parallel.h"
#include "lamina/tensor/storage.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kInner = 256;           // inner extent of a block: its panel of b stays in the L1 cache
constexpr int64_t kSerialWork = 1 << 18;  // multiplications below which a second thread costs more than it gives

/// A matrix in memory: element (i, j) at i·row + j·column.
struct View {
  int input = 0;
  int64_t row, column;
  std::vector<int64_t> batch;  // offset of each matrix

  View transposed() const { return {input, column, row, batch}; }
};

std::vector<int64_t> batch_offsets(const Meta& m) {
  std::vector<int64_t> offsets{0};
  for (int axis = 0; axis < m.rank() - 2; ++axis) {
    std::vector<int64_t> next;
    for (int64_t base : offsets) {
      for (int64_t i = 0; i < m.shape[axis]; ++i) next.push_back(base + i * m.strides[axis]);
    }
    offsets = std::move(next);
  }
  return offsets;
}

View view_of(const Meta& m, int input) {
  const int r = m.rank();
  // Along an axis of extent 1 any step is as good as another.
  const int64_t row = m.shape[r - 2] == 1 ? m.shape[r - 1] : m.strides[r - 2];
  const int64_t column = m.shape[r - 1] == 1 ? 1 : m.strides[r - 1];
  return {input, row, column, batch_offsets(m)};
}

struct EpilogueOperand {
  BlockOp op;
  View view;  // column 0: none
};

struct Problem {
  int64_t m, n, k;
  View a, b, c;
  std::vector<EpilogueOperand> epilogue;
};

/// Sees the product the other way round: Cᵀ = Bᵀ·Aᵀ.
void flip(Problem& p) {
  std::swap(p.m, p.n);
  const View a = p.b.transposed(), b = p.a.transposed();
  p.a = a;
  p.b = b;
  p.c = p.c.transposed();
  for (EpilogueOperand& e : p.epilogue) e.view = e.view.transposed();
}

template <class T>
class MatmulKernel final : public Kernel {
 public:
  MatmulKernel(Problem problem, bool constant_b)
      : p_(std::move(problem)), kernels_(product_kernels(T())), constant_b_(constant_b) {
    slim_ = p_.n <= kernels_.lanes;
    width_ = slim_ ? kernels_.lanes : 2 * kernels_.lanes;
    tile_rows_ = slim_ ? kernels_.slim_rows : kernels_.tile_rows;
    panels_ = (p_.n + width_ - 1) / width_;
    dots_ = p_.b.row == 1 && p_.a.column == 1 && p_.m <= 4 && p_.k >= 2 * kernels_.lanes;
    pack_b_ = !dots_ && (p_.b.column != 1 || (p_.m > 4 * tile_rows_ && p_.n * p_.k > 4096));
    shared_b_ = std::all_of(p_.b.batch.begin(), p_.b.batch.end(), [&](int64_t o) { return o == p_.b.batch[0]; });
    const int64_t row_tiles = (p_.m + tile_rows_ - 1) / tile_rows_;
    // Rows read in place compete for the same cache sets where they are long, columns where they are many.
    pack_a_ = pack_b_ && p_.n >= 4 * width_ && p_.m * p_.k >= (1 << 16);
    block_rows_ = std::clamp<int64_t>(row_tiles / 8, 1, 96 / tile_rows_) * tile_rows_;
    block_panels_ = std::clamp<int64_t>(panels_ / 4, 1, 8);
    if (constant_b_ && pack_b_) packed_ = Storage::allocate(packed_bytes());
  }

  size_t workspace_bytes() const override { return (pack_b_ && !packed_ ? packed_bytes() : 0) + left_bytes(); }

  void refresh(void* const* in) override {
    if (packed_ && !is_empty()) pack_all(static_cast<const T*>(in[p_.b.input]), reinterpret_cast<T*>(packed_->data()));
  }

  void run(void* const* in, void* const* out, void* workspace) override {
    if (is_empty()) return;
    const T* a = static_cast<const T*>(in[p_.a.input]);
    const T* b = static_cast<const T*>(in[p_.b.input]);
    T* c = static_cast<T*>(out[0]);
    const T* panels = b;
    if (pack_b_) {
      T* packed = packed_ ? reinterpret_cast<T*>(packed_->data()) : static_cast<T*>(workspace);
      if (!packed_) pack_all(b, packed);
      panels = packed;
    }
    if (pack_a_) {
      T* left = static_cast<T*>(workspace) + (packed_ ? 0 : packed_bytes() / sizeof(T));
      pack_left(a, left);
      a = left;
    }
    const auto batch = static_cast<int64_t>(p_.c.batch.size());
    const int64_t row_blocks = dots_ ? 1 : (p_.m + block_rows_ - 1) / block_rows_;
    const int64_t column_blocks = (panels_ + block_panels_ - 1) / block_panels_;
    const int64_t blocks = row_blocks * column_blocks;
    const auto work = [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t item = task / blocks, row_block = task % blocks / column_blocks,
                      column_block = task % column_blocks;
        block(in, a + (pack_a_ ? item * left_matrix() : p_.a.batch[static_cast<size_t>(item)]), panels, c, item,
              row_block, column_block);
      }
    };
    if (batch * blocks == 1 || batch * p_.m * p_.n * p_.k <= kSerialWork) return work(0, batch * blocks);
    parallel_for(batch * blocks, 1, work);
  }

  std::string describe() const override {
    std::string text = std::string("own:") + kernels_.target + (dots_ ? " dots" : " tiles");
    if (pack_b_) text += packed_ ? ", packs once" : ", packs";
    return text;
  }

 private:
  bool is_empty() const { return p_.m == 0 || p_.n == 0 || p_.c.batch.empty(); }

  /// The left operand in panels of tile_rows_ rows.
  int64_t left_matrix() const { return (p_.m + tile_rows_ - 1) / tile_rows_ * tile_rows_ * p_.k; }
  size_t left_bytes() const { return pack_a_ ? p_.a.batch.size() * static_cast<size_t>(left_matrix()) * sizeof(T) : 0; }

  void pack_left(const T* a, T* to) const {
    const int64_t tiles = (p_.m + tile_rows_ - 1) / tile_rows_;
    parallel_for(tiles * static_cast<int64_t>(p_.a.batch.size()), 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i % tiles * tile_rows_, rows = std::min<int64_t>(tile_rows_, p_.m - row);
        const T* from = a + p_.a.batch[static_cast<size_t>(i / tiles)] + row * p_.a.row;
        T* panel = to + i * tile_rows_ * p_.k;
        for (int64_t k = 0; k < p_.k; ++k, panel += tile_rows_) {
          for (int64_t r = 0; r < rows; ++r) panel[r] = from[r * p_.a.row + k * p_.a.column];
        }
      }
    });
  }

  int64_t packed_matrix() const { return panels_ * width_ * p_.k; }
  size_t packed_bytes() const {
    const int64_t matrices = shared_b_ ? 1 : static_cast<int64_t>(p_.b.batch.size());
    return static_cast<size_t>(matrices * packed_matrix()) * sizeof(T);
  }

  /// Panel by panel: [k][width], zero beyond the last column.
  void pack_all(const T* b, T* to) const {
    const int64_t matrices = shared_b_ ? 1 : static_cast<int64_t>(p_.b.batch.size());
    const auto pack = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t panel = i % panels_, cols = std::min<int64_t>(width_, p_.n - panel * width_);
        const T* from = b + p_.b.batch[static_cast<size_t>(i / panels_)] + panel * width_ * p_.b.column;
        pack_panel(from, cols, to + i * width_ * p_.k);
      }
    };
    const int64_t total = matrices * panels_;
    if (total * width_ * p_.k <= kSerialWork / 8) return pack(0, total);
    parallel_for(total, 1, pack);
  }

  void pack_panel(const T* from, int64_t cols, T* to) const {
    if (p_.b.row == 1) return kernels_.transpose(from, p_.b.column, p_.k, cols, to, width_, width_);
    for (int64_t r = 0; r < p_.k; ++r, from += p_.b.row, to += width_) {
      if (p_.b.column == 1) {
        std::copy_n(from, cols, to);
      } else {
        for (int64_t j = 0; j < cols; ++j) to[j] = from[j * p_.b.column];
      }
      std::fill(to + cols, to + width_, T(0));
    }
  }

  void block(void* const* in, const T* a, const T* panels, T* c, int64_t item, int64_t row_block,
             int64_t column_block) const {
    const int64_t first_panel = column_block * block_panels_,
                  last_panel = std::min(first_panel + block_panels_, panels_);
    const int64_t j0 = first_panel * width_, cols = std::min(last_panel * width_, p_.n) - j0;
    const int64_t i0 = dots_ ? 0 : row_block * block_rows_, rows = dots_ ? p_.m : std::min(block_rows_, p_.m - i0);
    const auto index = static_cast<size_t>(item);
    c += p_.c.batch[index];
    if (dots_) {
      for (int64_t i = 0; i < rows; ++i) {
        kernels_.dots({p_.k, cols, a + i * p_.a.row, panels + p_.b.batch[index] + j0 * p_.b.column, p_.b.column,
                       c + i * p_.c.row + j0 * p_.c.column, p_.c.column});
      }
    } else if (p_.c.column == 1) {
      tiles(a, panels, index, i0, rows, first_panel, last_panel, c, p_.c.row);
    } else {
      scattered(a, panels, index, i0, rows, first_panel, last_panel, c);
    }
    for (const EpilogueOperand& e : p_.epilogue) {
      const T* operand = e.view.batch.empty() ? nullptr
                                              : static_cast<const T*>(in[e.view.input]) + e.view.batch[index] +
                                                    i0 * e.view.row + j0 * e.view.column;
      kernels_.apply(e.op, c + i0 * p_.c.row + j0, p_.c.row, rows, cols, operand, e.view.row);
    }
  }

  /// Rows [i0, i0 + rows) of the panels' columns.
  void tiles(const T* a, const T* panels, size_t item, int64_t i0, int64_t rows, int64_t first_panel,
             int64_t last_panel, T* c, int64_t c_step) const {
    static constexpr int64_t kOneSegment[] = {0};
    Tile<T> t{};
    t.segments = kOneSegment;
    t.segment_count = 1;
    t.a_step = pack_a_ ? tile_rows_ : p_.a.column;
    t.b_step = pack_b_ ? width_ : p_.b.row;
    t.b_padded = pack_b_;
    t.c_step = c_step;
    const T* b = panels + (!pack_b_ ? p_.b.batch[item] : shared_b_ ? 0 : static_cast<int64_t>(item) * packed_matrix());
    for (int64_t k0 = 0; k0 < std::max<int64_t>(p_.k, 1); k0 += kInner) {
      t.k = std::min(kInner, p_.k - k0);
      t.accumulate = k0 > 0;
      for (int64_t panel = first_panel; panel < last_panel; ++panel) {
        t.b = pack_b_ ? b + panel * width_ * p_.k + k0 * width_ : b + k0 * p_.b.row + panel * width_;
        t.cols = static_cast<int>(std::min<int64_t>(width_, p_.n - panel * width_));
        for (int64_t i = 0; i < rows; i += tile_rows_) {
          t.rows = static_cast<int>(std::min<int64_t>(tile_rows_, rows - i));
          for (int r = 0; r < t.rows; ++r) {
            t.a[r] =
                pack_a_ ? a + (i0 + i) * p_.k + k0 * tile_rows_ + r : a + (i0 + i + r) * p_.a.row + k0 * p_.a.column;
          }
          t.c = c + (i0 + i) * c_step + panel * width_;
          kernels_.tile(t);
        }
      }
    }
  }

  /// The same where the result's columns are not adjacent: by way of a block that is.
  void scattered(const T* a, const T* panels, size_t item, int64_t i0, int64_t rows, int64_t first_panel,
                 int64_t last_panel, T* c) const {
    alignas(64) T dense[kMaxTileRows * 64];
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      const int64_t j0 = panel * width_, cols = std::min<int64_t>(width_, p_.n - j0);
      for (int64_t i = 0; i < rows; i += tile_rows_) {
        const int64_t count = std::min<int64_t>(tile_rows_, rows - i);
        // Row 0 of the block is row i0 + i of the result.
        tiles(a + (i0 + i) * (pack_a_ ? p_.k : p_.a.row), panels, item, 0, count, panel, panel + 1, dense - j0, width_);
        for (int64_t j = 0; j < cols; ++j) {
          T* to = c + (i0 + i) * p_.c.row + (j0 + j) * p_.c.column;
          for (int64_t r = 0; r < count; ++r) to[r * p_.c.row] = dense[r * width_ + j];
        }
      }
    }
  }

  Problem p_;
  const ProductKernels<T>& kernels_;
  bool constant_b_, slim_, dots_, pack_a_, pack_b_, shared_b_;
  int64_t width_, tile_rows_, panels_, block_rows_, block_panels_;
  std::shared_ptr<Storage> packed_;
};

/// Rough cost, in element moves, of packing b and of scattering c, seen this way round.
int64_t moves(const Problem& p) {
  const bool dots = p.b.row == 1 && p.a.column == 1 && p.m <= 4;
  int64_t cost = 0;
  if (!dots && p.b.column != 1) cost += 2 * p.n * p.k;
  if (!dots && p.b.column == 1 && p.m > 24) cost += p.n * p.k / 4;
  if (p.c.column != 1) cost += 2 * p.m * p.n;
  // Tiles are narrow where there are few columns, and short where there are few rows.
  if (!dots) cost += p.n < 8 ? p.m * p.k * (8 - p.n) / 8 : 0;
  return cost;
}

BlockOp block_op(OpId op, bool per_column) {
  switch (op) {
    case OpId::add:
      return per_column ? BlockOp::add_row : BlockOp::add_block;
    case OpId::mul:
      return per_column ? BlockOp::mul_row : BlockOp::mul_block;
    case OpId::tanh:
      return BlockOp::tanh;
    case OpId::sigmoid:
      return BlockOp::sigmoid;
    default:
      return BlockOp::relu;
  }
}

std::variant<std::vector<EpilogueOperand>, Refusal> block_epilogue(const KernelRequest& r) {
  auto chain = parse_epilogue(r);
  if (auto* refusal = std::get_if<Refusal>(&chain)) return *refusal;
  std::vector<EpilogueOperand> steps;
  for (const EpilogueStep& s : std::get<Epilogue>(chain)) {
    EpilogueOperand e{block_op(s.op, false), {}};
    if (s.input) {
      const Meta& m = r.in[s.input];
      e = {block_op(s.op, is_per_channel(m, m.rank() - 1)), view_of(m, static_cast<int>(s.input))};
      if (e.view.column != 1) return Refusal{"an operand of the epilogue has no adjacent columns"};
    }
    steps.push_back(std::move(e));
  }
  return steps;
}

template <class T>
KernelChoice prepare(const KernelRequest& r) {
  auto epilogue = block_epilogue(r);
  if (auto* refusal = std::get_if<Refusal>(&epilogue)) return *refusal;
  const Meta &a = r.in[0], &b = r.in[1], &c = r.out[0];
  const int rank = a.rank();
  Problem p{c.shape[rank - 2],
            c.shape[rank - 1],
            a.shape[rank - 1],
            view_of(a, 0),
            view_of(b, 1),
            view_of(c, 0),
            std::get<std::vector<EpilogueOperand>>(std::move(epilogue))};
  if (p.epilogue.empty()) {
    Problem flipped = p;
    flip(flipped);
    if (moves(flipped) < moves(p)) p = std::move(flipped);
  } else if (p.c.column != 1) {
    return Refusal{"an epilogue needs a result with adjacent columns"};
  }
  const bool constant = r.is_constant(static_cast<size_t>(p.b.input));
  return std::make_unique<MatmulKernel<T>>(std::move(p), constant);
}

}  // namespace

KernelChoice prepare_matmul(const KernelRequest& r) {
  if (r.in[0].dtype != r.in[1].dtype || r.in[0].dtype != r.out[0].dtype) return Refusal{"mixed dtypes"};
  switch (r.in[0].dtype) {
    case DType::f32:
      return prepare<float>(r);
    case DType::f64:
      return prepare<double>(r);
    default:
      return Refusal{"no kernel for " + std::string(name_of(r.in[0].dtype))};
  }
}

}  // namespace lamina::cpu
