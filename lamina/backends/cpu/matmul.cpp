// Matrix products by register tiles.
//
// The work is cut into blocks of the result by its shape alone and every element is summed in one
// order, so the bits do not depend on the number of threads. Each task packs the part of the right operand that it is
// about to use into a panel that stays in the L1 cache, or reads it as it lies; the left operand is read in place. Of
// the two ways to see a product, C = A·B and Cᵀ = Bᵀ·Aᵀ, the one that costs less is taken.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lamina/backends/cpu/epilogue.h"
#include "lamina/backends/cpu/gemm_kernels.h"
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/product_kernels.h"
#include "lamina/backends/cpu/tile_program.h"
#include "lamina/core/parallel.h"
#include "lamina/tensor/storage.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kInner = 256;      // inner extent of a block: its panel of b stays in the L1 cache
constexpr int64_t kBlockRows = 192;  // rows of a block: its share of a stays in the L2 cache
// Of a product that ends in a program: the block stays in the L2 cache, and its rows are long where others are read.
constexpr int64_t kFinishedRows = 96, kFinishedColumns = 512;
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
  View view;  // without a batch: none
};

/// A program that runs on each finished block, which never goes to memory: any epilogue that is no chain of block
/// operations, with several results or results that overwrite its operands.
class Finish {
 public:
  /// For a result of `rows` × `cols`, cut into blocks of `block_rows` × `block_cols`. Empty where the program cannot be
  /// compiled; `why` says what is missing.
  static std::optional<Finish> make(const KernelRequest& r, int64_t block_rows, int64_t block_cols, std::string& why) {
    Finish f;
    f.first_input_ = r.op_inputs();
    const Shape& whole = r.out[0].shape;
    for (const auto& [metas, steps] : {std::pair{r.in.subspan(f.first_input_), &f.in_}, {r.out, &f.out_}}) {
      for (const Meta& m : metas) {
        const auto bytes = static_cast<int64_t>(size_of(m.dtype));
        steps->push_back({m.strides[0] * bytes, m.strides[1] * bytes});
      }
    }
    const int64_t last_rows = (whole[0] - 1) % block_rows + 1, last_cols = (whole[1] - 1) % block_cols + 1;
    for (const int64_t rows : {std::min(block_rows, whole[0]), last_rows}) {
      for (const int64_t cols : {std::min(block_cols, whole[1]), last_cols}) {
        const auto part_of = [&](const Meta& m) {
          Meta part(m.dtype, {rows, cols});
          part.strides = m.strides;
          return part;
        };
        Meta block(r.epilogue->inputs[0], {rows, cols});
        block.strides = {block_cols, 1};
        Metas in{block}, out;
        for (const Meta& m : r.in.subspan(f.first_input_)) in.push_back(part_of(m));
        for (const Meta& m : r.out) out.push_back(part_of(m));
        std::optional<TileProgram> program = TileProgram::compile(*r.epilogue, in, out, why);
        if (!program) return {};
        f.programs_.push_back({rows, cols, std::move(*program)});
      }
    }
    return f;
  }

  void run(void* block, void* const* in, void* const* out, int64_t i0, int64_t j0, int64_t rows, int64_t cols) const {
    void* operands[1 + kMaxOperands];
    void* results[kMaxOperands];
    operands[0] = block;
    const auto at = [&](void* base, const Step& s) {
      return static_cast<std::byte*>(base) + i0 * s.row + j0 * s.column;
    };
    for (size_t i = 0; i < in_.size(); ++i) operands[i + 1] = at(in[first_input_ + i], in_[i]);
    for (size_t i = 0; i < out_.size(); ++i) results[i] = at(out[i], out_[i]);
    const auto program = std::find_if(programs_.begin(), programs_.end(),
                                      [&](const Sized& p) { return p.rows == rows && p.cols == cols; });
    program->program.run(operands, results, 0, program->program.tiles());
  }

  static constexpr size_t kMaxOperands = 32;

 private:
  struct Step {
    int64_t row, column;  // bytes
  };
  struct Sized {
    int64_t rows, cols;
    TileProgram program;
  };
  size_t first_input_ = 0;
  std::vector<Step> in_, out_;
  std::vector<Sized> programs_;  // for whole blocks, and for those at the edges
};

struct Problem {
  int64_t m, n, k;
  View a, b, c;
  std::vector<EpilogueOperand> epilogue;  // of the result as the op means it, flipped or not
  bool flipped = false;
};

/// Sees the product the other way round: Cᵀ = Bᵀ·Aᵀ.
void flip(Problem& p) {
  std::swap(p.m, p.n);
  const View a = p.b.transposed(), b = p.a.transposed();
  p.a = a;
  p.b = b;
  p.c = p.c.transposed();
  p.flipped = !p.flipped;
}

/// Memory of this thread that lasts until its next call.
std::byte* thread_scratch(size_t bytes) {
  struct Free {
    void operator()(std::byte* p) const { operator delete[](p, std::align_val_t(64)); }
  };
  thread_local std::unique_ptr<std::byte[], Free> memory;
  thread_local size_t size = 0;
  if (size < bytes) {
    memory.reset(new (std::align_val_t(64)) std::byte[bytes]);
    size = bytes;
  }
  return memory.get();
}

/// How the product of a problem is computed; from its shape and strides alone.
template <class T>
struct Method {
  bool dots;      // sums along both operands' rows
  bool packs_b;   // otherwise its rows are read as they lie
  bool packs_a;   // its columns; otherwise its elements are read as they lie
  bool scatters;  // the result's columns are not adjacent: it is transposed block by block
  int64_t width;  // of a panel

  explicit Method(const Problem& p) {
    const GemmKernels<T>& kernels = gemm_kernels(T());
    width = p.n <= kernels.lanes ? kernels.lanes : 2 * kernels.lanes;
    dots = p.b.row == 1 && p.a.column == 1 && p.m <= kernels.dot_rows && p.k >= 2 * kernels.lanes;
    packs_b = !dots && (p.b.column != 1 || p.m > 2 * kernels.tile_rows);
    // Columns read in place compete for the same cache sets where they are a power of two apart.
    packs_a = packs_b && p.a.row == 1 && p.a.column * static_cast<int64_t>(sizeof(T)) % 1024 == 0 && p.n > 2 * width;
    scatters = !dots && p.c.column != 1;
  }
};

template <class T>
class MatmulKernel final : public Kernel {
 public:
  /// `finishes`: a program is to follow, see finish_with().
  MatmulKernel(Problem problem, bool constant_b, bool finishes)
      : p_(std::move(problem)),
        kernels_(gemm_kernels(T())),
        products_(product_kernels(T())),
        how_(p_),
        most_rows_(finishes ? kFinishedRows : kBlockRows),
        most_panels_(finishes ? kFinishedColumns / how_.width : 16) {
    panels_ = (p_.n + how_.width - 1) / how_.width;
    shared_b_ = std::all_of(p_.b.batch.begin(), p_.b.batch.end(), [&](int64_t o) { return o == p_.b.batch[0]; });
    cut();
    if (constant_b && how_.packs_b) packed_ = Storage::allocate(packed_bytes());
  }

  /// Says why not, or nothing.
  std::string finish_with(const KernelRequest& r) {
    std::string why;
    finish_ = Finish::make(r, block_rows_, block_panels_ * how_.width, why);
    return why;
  }

  void refresh(void* const* in) override {
    if (packed_ && !is_empty()) pack_all(static_cast<const T*>(in[p_.b.input]), reinterpret_cast<T*>(packed_->data()));
  }

  void run(void* const* in, void* const* out, void*) override {
    if (is_empty()) return;
    const auto batch = static_cast<int64_t>(p_.c.batch.size());
    const int64_t tasks = batch * row_blocks_ * column_blocks_;
    const auto work = [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) block(in, out, task);
    };
    // A single row is bound by memory: four times the work for its multiplications.
    const int64_t multiplications = batch * p_.m * p_.n * p_.k;
    if (tasks == 1 || multiplications * (how_.dots ? 4 : 1) <= kSerialWork) return work(0, tasks);
    parallel_for(tasks, 1, work);
  }

  std::string describe() const override {
    std::string text = std::string("own:") + kernels_.target + (how_.dots ? " dots" : " tiles");
    if (how_.packs_b) text += packed_ ? ", packed once" : ", packs";
    if (finish_) text += ", finishes blocks";
    return text + (p_.flipped ? ", transposed" : "");
  }

 private:
  bool is_empty() const { return p_.m == 0 || p_.n == 0 || p_.c.batch.empty(); }

  /// A part of the result: the work of one task.
  struct Part {
    size_t item;
    int64_t i0, rows, j0, cols;
  };

  /// Blocks as large as the caches allow, but enough of them to keep many threads busy.
  void cut() {
    if (is_empty()) return;
    constexpr int64_t kTasks = 32, kTaskWork = 1 << 17;
    const auto parts = [](int64_t n, int64_t size) { return (n + size - 1) / size; };
    const auto items = static_cast<int64_t>(p_.c.batch.size());
    const int64_t work = items * p_.m * p_.n * std::max<int64_t>(p_.k, 1);
    const int64_t wanted = parts(std::clamp<int64_t>(work / kTaskWork, 1, kTasks), items);
    row_blocks_ = how_.dots ? 1 : parts(p_.m, most_rows_);
    column_blocks_ = std::clamp<int64_t>(parts(wanted, row_blocks_), 1, panels_);
    block_panels_ = std::min<int64_t>(parts(panels_, column_blocks_), most_panels_);
    column_blocks_ = parts(panels_, block_panels_);
    block_rows_ = p_.m;
    if (how_.dots) return;
    row_blocks_ = std::max(row_blocks_, std::min(parts(wanted, column_blocks_), parts(p_.m, most_rows_ / 2)));
    block_rows_ = parts(parts(p_.m, row_blocks_), kernels_.tile_rows) * kernels_.tile_rows;
    row_blocks_ = parts(p_.m, block_rows_);
  }

  // ---- the right operand ----

  int64_t packed_matrix() const { return panels_ * how_.width * p_.k; }
  size_t packed_bytes() const {
    const int64_t matrices = shared_b_ ? 1 : static_cast<int64_t>(p_.b.batch.size());
    return static_cast<size_t>(matrices * packed_matrix()) * sizeof(T);
  }

  /// Panel by panel: [k][width].
  void pack_all(const T* b, T* to) const {
    const int64_t total = (shared_b_ ? 1 : static_cast<int64_t>(p_.b.batch.size())) * panels_;
    parallel_for(total, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        pack_panel(b + p_.b.batch[static_cast<size_t>(i / panels_)], i % panels_, 0, p_.k, to + i * how_.width * p_.k);
      }
    });
  }

  /// Rows [k0, k0 + k) of one panel.
  void pack_panel(const T* b, int64_t panel, int64_t k0, int64_t k, T* to) const {
    const int64_t width = how_.width, cols = std::min(width, p_.n - panel * width);
    const T* from = b + panel * width * p_.b.column + k0 * p_.b.row;
    if (p_.b.row == 1) return products_.transpose(from, p_.b.column, k, cols, to, width, width);
    if (p_.b.column == 1) return kernels_.copy_rows(from, p_.b.row, k, cols, to, width);
    for (int64_t r = 0; r < k; ++r, from += p_.b.row, to += width) {
      for (int64_t j = 0; j < cols; ++j) to[j] = from[j * p_.b.column];
      std::fill(to + cols, to + width, T(0));
    }
  }

  // ---- the left operand ----

  /// k columns whose elements are adjacent, in tiles: [column][row of the tile].
  void pack_rows(const T* a, int64_t rows, int64_t k, T* to) const {
    for (int64_t i = 0, h = 0; i < rows; i += h, to += k * h) {
      h = tile_height(rows - i, kernels_.tile_rows);
      kernels_.copy_rows(a + i, p_.a.column, k, h, to, h);
    }
  }

  // ---- one block of the result ----

  void block(void* const* in, void* const* outs, int64_t task) const {
    T* const out = static_cast<T*>(outs[0]);
    const int64_t blocks = row_blocks_ * column_blocks_;
    Part part{static_cast<size_t>(task / blocks), task % blocks / column_blocks_ * block_rows_, 0,
              task % column_blocks_ * block_panels_ * how_.width, 0};
    part.rows = std::min(block_rows_, p_.m - part.i0);
    part.cols = std::min(block_panels_ * how_.width, p_.n - part.j0);
    const T* a = static_cast<const T*>(in[p_.a.input]) + p_.a.batch[part.item] + part.i0 * p_.a.row;
    const T* b = static_cast<const T*>(in[p_.b.input]) + p_.b.batch[part.item];
    if (finish_) {
      const int64_t step = block_panels_ * how_.width;
      T* const dense = scratch() + kInner * how_.width + rows_of_a_floats();
      multiply(a, b, part, dense, step);
      return finish_->run(dense, in, outs, part.i0, part.j0, part.rows, part.cols);
    }
    T* c = out + p_.c.batch[part.item] + part.i0 * p_.c.row + part.j0 * p_.c.column;
    if (how_.dots) {
      kernels_.dots(
          {part.rows, part.cols, p_.k, a, p_.a.row, b + part.j0 * p_.b.column, p_.b.column, c, p_.c.row, p_.c.column});
    } else if (how_.scatters) {
      const int64_t step = block_panels_ * how_.width;
      T* dense = scratch() + kInner * how_.width + rows_of_a_floats();
      multiply(a, b, part, dense, step);
      products_.transpose(dense, step, part.cols, part.rows, c, p_.c.column, part.rows);
    } else {
      multiply(a, b, part, c, p_.c.row);
    }
    apply_epilogue(in, out, part);
  }

  /// With room for a vector behind the last row.
  int64_t rows_of_a_floats() const { return how_.packs_a ? block_rows_ * kInner + kernels_.lanes : 0; }

  /// A panel of b, rows of a where they are packed, the block where it is transposed afterwards.
  T* scratch() const {
    const bool dense = how_.scatters || finish_;
    const int64_t floats =
        kInner * how_.width + rows_of_a_floats() + (dense ? block_rows_ * block_panels_ * how_.width : 0);
    return reinterpret_cast<T*>(thread_scratch(static_cast<size_t>(floats) * sizeof(T)));
  }

  void multiply(const T* a, const T* b, const Part& part, T* c, int64_t c_row) const {
    T *const panel_of_b = scratch(), *const rows_of_a = panel_of_b + kInner * how_.width;
    const T* packed = packed_ ? reinterpret_cast<const T*>(packed_->data()) : nullptr;
    if (packed && !shared_b_) packed += static_cast<int64_t>(part.item) * packed_matrix();
    Strip<T> s{};
    s.rows = part.rows;
    s.a_row = p_.a.row;
    s.a_step = p_.a.column;
    s.a_tile = how_.packs_a ? kernels_.tile_rows : 0;
    s.c_row = c_row;
    s.b_padded = how_.packs_b;
    s.b_row = how_.packs_b ? how_.width : p_.b.row;
    for (int64_t k0 = 0; k0 < std::max<int64_t>(p_.k, 1); k0 += kInner) {
      s.k = std::min(kInner, p_.k - k0);
      s.accumulate = k0 > 0;
      s.a = a + k0 * p_.a.column;
      if (how_.packs_a) {
        pack_rows(s.a, part.rows, s.k, rows_of_a);
        s.a = rows_of_a;
      }
      if (!how_.packs_b) {
        s.b = b + k0 * p_.b.row + part.j0;
        s.cols = part.cols;
        s.c = c;
        kernels_.strip(s);
        continue;
      }
      for (int64_t j = 0; j < part.cols; j += how_.width) {
        const int64_t panel = (part.j0 + j) / how_.width;
        if (packed) {
          s.b = packed + (panel * p_.k + k0) * how_.width;
        } else {
          pack_panel(b, panel, k0, s.k, panel_of_b);
          s.b = panel_of_b;
        }
        s.cols = std::min(how_.width, part.cols - j);
        s.c = c + j;
        kernels_.strip(s);
      }
    }
  }

  void apply_epilogue(void* const* in, T* out, const Part& part) const {
    const View c = p_.flipped ? p_.c.transposed() : p_.c;
    const int64_t i0 = p_.flipped ? part.j0 : part.i0, j0 = p_.flipped ? part.i0 : part.j0;
    const int64_t rows = p_.flipped ? part.cols : part.rows, cols = p_.flipped ? part.rows : part.cols;
    T* block = out + c.batch[part.item] + i0 * c.row + j0;
    for (const EpilogueOperand& e : p_.epilogue) {
      const T* operand = e.view.batch.empty() ? nullptr
                                              : static_cast<const T*>(in[e.view.input]) + e.view.batch[part.item] +
                                                    i0 * e.view.row + j0 * e.view.column;
      products_.apply(e.op, block, c.row, rows, cols, operand, e.view.row);
    }
  }

  Problem p_;
  const GemmKernels<T>& kernels_;
  const ProductKernels<T>& products_;
  Method<T> how_;
  int64_t most_rows_, most_panels_;  // of a block
  std::optional<Finish> finish_;
  bool shared_b_ = false;
  int64_t panels_ = 0, block_rows_ = 0, block_panels_ = 0, row_blocks_ = 0, column_blocks_ = 0;
  std::shared_ptr<Storage> packed_;
};

/// Rough cost in cycles of the product seen this way round.
template <class T>
double cost(const Problem& p, bool constant_b) {
  const GemmKernels<T>& kernels = gemm_kernels(T());
  const Method<T> how(p);
  const auto m = static_cast<double>(p.m), n = static_cast<double>(p.n), k = static_cast<double>(p.k);
  const int64_t lanes = kernels.lanes;
  if (how.dots) return m * n * (0.6 * k / static_cast<double>(lanes) + 2);
  // Per product of a tile: multiplications and loads, two of either per cycle; four cycles until a sum can go on.
  const auto tile = [](int64_t h, int64_t v) { return static_cast<double>(std::max({h * v, h + v, int64_t{8}})) / 2; };
  const auto column = [&](int64_t v) {
    if (!how.packs_b && p.m <= 3)
      return static_cast<double>(p.m == 1 ? 9 : p.m * 4) / 2 * static_cast<double>(v) / (p.m == 1 ? 8 : 4);
    double sum = 0;
    const int64_t most = v > 1 ? kernels.tile_rows : kernels.slim_rows;
    for (int64_t i = 0, h = 0; i < p.m; i += h) {
      h = tile_height(p.m - i, most);
      if (i == 0 && p.m >= 4 * most) {  // many of full height
        const int64_t full = p.m / most - 1;
        sum += static_cast<double>(full) * tile(most, v);
        h = full * most;
        continue;
      }
      sum += tile(h, v);
    }
    return sum;
  };
  const int64_t rest = p.n % (2 * lanes);
  double cycles =
      k * (static_cast<double>(p.n / (2 * lanes)) * column(2) + (rest == 0 ? 0 : column(rest > lanes ? 2 : 1)));
  if (how.packs_b && !constant_b) {
    const double per_element = p.b.row == 1 ? 0.3 : p.b.column == 1 ? 0.15 : 1;
    cycles += per_element * n * k * static_cast<double>((p.m + kBlockRows - 1) / kBlockRows);
  }
  if (how.scatters) cycles += 0.5 * m * n;
  return cycles;
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

Problem problem_of(const KernelRequest& r) {
  const Meta &a = r.in[0], &b = r.in[1];
  const Shape& c = r.out[0].shape;
  const int rank = c.rank();
  return {c[rank - 2], c[rank - 1], a.shape[rank - 1], view_of(a, 0), view_of(b, 1), view_of(r.out[0], 0), {}};
}

/// The product seen the way round that costs less.
template <class T>
KernelChoice prepare(const KernelRequest& r, std::vector<EpilogueOperand> epilogue) {
  Problem p = problem_of(r);
  p.epilogue = std::move(epilogue);
  if (!p.epilogue.empty() && p.c.column != 1) return Refusal{"an epilogue needs a result with adjacent columns"};
  const auto constant = [&](const Problem& q) { return r.is_constant(static_cast<size_t>(q.b.input)); };
  Problem flipped = p;
  flip(flipped);
  if (cost<T>(flipped, constant(flipped)) < cost<T>(p, constant(p))) p = std::move(flipped);
  const bool packs_once = constant(p);
  return std::make_unique<MatmulKernel<T>>(std::move(p), packs_once, false);
}

/// The product as it is, each block finished by the epilogue.
template <class T>
KernelChoice prepare_finished(const KernelRequest& r) {
  const Meta& c = r.out[0];
  if (c.rank() != 2 || c.numel() == 0) return Refusal{"a program follows one matrix only"};
  if (r.in.size() > Finish::kMaxOperands || r.out.size() > Finish::kMaxOperands) return Refusal{"too many operands"};
  const auto rows = [](const Meta& m) { return m.strides[1] == 1 || m.strides[1] == 0 || m.shape[1] == 1; };
  if (!std::all_of(r.in.begin() + static_cast<ptrdiff_t>(r.op_inputs()), r.in.end(), rows) ||
      !std::all_of(r.out.begin(), r.out.end(), rows))
    return Refusal{"an epilogue needs adjacent columns"};
  Problem p = problem_of(r);
  p.c.column = 1;  // of a block
  if (Method<T>(p).dots) return Refusal{"few rows"};
  Problem flipped = p;
  flip(flipped);
  const bool packs_once = r.is_constant(1);
  // Turned round, the block would have to be transposed.
  if (cost<T>(p, packs_once) > 1.15 * cost<T>(flipped, r.is_constant(0))) return Refusal{"better transposed"};
  auto kernel = std::make_unique<MatmulKernel<T>>(std::move(p), packs_once, true);
  if (std::string why = kernel->finish_with(r); !why.empty()) return Refusal{std::move(why)};
  return kernel;
}

template <class T>
KernelChoice prepare(const KernelRequest& r) {
  auto epilogue = block_epilogue(r);
  if (auto* steps = std::get_if<std::vector<EpilogueOperand>>(&epilogue)) return prepare<T>(r, std::move(*steps));
  KernelChoice finished = prepare_finished<T>(r);
  if (auto* refusal = std::get_if<Refusal>(&finished))
    refusal->reason = std::get<Refusal>(epilogue).reason + "; " + refusal->reason;
  return finished;
}

}  // namespace

KernelChoice prepare_matmul(const KernelRequest& r) {
  const DType result = r.epilogue ? r.epilogue->inputs[0] : r.out[0].dtype;
  if (r.in[0].dtype != r.in[1].dtype || r.in[0].dtype != result) return Refusal{"mixed dtypes"};
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
