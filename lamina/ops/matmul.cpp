#include "lamina/ops/matmul.h"

#include <algorithm>
#include <string>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"

namespace lamina {

namespace {

/// Both operands [batch…, rows, columns] with equal batch axes.
Metas infer_matmul(std::span<const Meta> in, const Attrs&) {
  const Meta &a = in[0], &b = in[1];
  const int r = a.rank();
  bool fits = r >= 2 && b.rank() == r && a.shape[r - 1] == b.shape[r - 2];
  for (int i = 0; fits && i < r - 2; ++i) fits = a.shape[i] == b.shape[i];
  if (!fits) {
    throw Error("matmul", "the inner extents must agree: [.., m, k] x [.., k, n]")
        .detail("left  " + a.str())
        .detail("right " + b.str());
  }
  Shape shape = a.shape;
  shape[r - 1] = b.shape[r - 1];
  return {Meta(a.dtype, shape)};
}

/// The product, pointwise where it is one of a column and a row: such a gradient of a weight (of a batch of one) is
/// fused with the update that reads it, and never stored.
Tensor product(const Tensor& a, const Tensor& b) {
  const bool outer = a.size(-1) == 1 && a.rank() == 2;
  return outer ? expand(a, {a.size(0), b.size(1)}) * expand(b, {a.size(0), b.size(1)}) : matmul(a, b);
}

/// a·b, stored the way `like` is: a gradient is read together with what it belongs to.
Tensor product_like(const Tensor& like, const Tensor& a, const Tensor& b) {
  const Meta& m = like.meta();
  const int r = m.rank();
  const bool columns = m.strides[r - 2] == 1 && m.strides[r - 1] != 1 && m.shape[r - 1] > 1;
  return columns ? transpose(product(transpose(b), transpose(a))) : product(a, b);
}

Tensors matmul_vjp(const VjpCtx& c) {
  Tensors result(2);
  if (c.needs[0]) result[0] = product_like(c.in[0], c.grads[0], transpose(c.in[1]));
  if (c.needs[1]) result[1] = product_like(c.in[1], transpose(c.in[0]), c.grads[0]);
  return result;
}

double matmul_flops(std::span<const Meta> in, std::span<const Meta> out, const Attrs&) {
  return 2.0 * static_cast<double>(out[0].numel()) * static_cast<double>(in[0].shape.back());
}

}  // namespace

const OpDef matmul_def{.name = "matmul",
                       .infer = infer_matmul,
                       .gradient = Vjp{matmul_vjp},
                       .traits = {.strided = true, .takes_epilogue = true, .saves = Saves::inputs},
                       .flops = matmul_flops,
                       .onnx = {"MatMul", 13}};

Tensor matmul(const Tensor& left, const Tensor& right) {
  const DType dtype = promote(left.dtype(), right.dtype());
  Tensor a = cast(left, dtype), b = cast(right, dtype);
  if (a.rank() == 0 || b.rank() == 0)
    throw Error("matmul", "needs vectors or matrices").detail(a.meta().str()).detail(b.meta().str());
  const bool row = a.rank() == 1, column = b.rank() == 1;
  if (row) a = unsqueeze(a, 0);
  if (column) b = unsqueeze(b, 1);
  if (a.size(-1) != b.size(-2)) {
    throw Error("matmul", "the inner extents must agree: [.., m, k] x [.., k, n]")
        .detail("left  " + left.meta().str())
        .detail("right " + right.meta().str());
  }
  Tensor y;
  if (b.rank() == 2 && a.rank() > 2) {
    // One product instead of a batch of them.
    Shape shape = a.shape();
    shape[shape.rank() - 1] = b.size(1);
    y = reshape(dispatch1(OpId::matmul, {reshape(a, {-1, a.size(-1)}), b}), shape);
  } else {
    Shape batch_a(std::span(a.shape().begin(), static_cast<size_t>(a.rank() - 2)));
    Shape batch_b(std::span(b.shape().begin(), static_cast<size_t>(b.rank() - 2)));
    Shape shape_a = broadcast_shapes(batch_a, batch_b, "matmul"), shape_b = shape_a;
    for (int i = 2; i > 0; --i) {
      shape_a.push_back(a.size(-i));
      shape_b.push_back(b.size(-i));
    }
    y = dispatch1(OpId::matmul, {expand(a, shape_a), expand(b, shape_b)});
  }
  if (row) y = squeeze(y, -2);
  if (column) y = squeeze(y, -1);
  return y;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.rank() != 2 || x.rank() < 1 || x.size(-1) != weight.size(1)) {
    throw Error("linear", "weight expects " + (weight.rank() == 2 ? std::to_string(weight.size(1)) : std::string("?")) +
                              " input features, input has " + (x.rank() ? std::to_string(x.size(-1)) : "none"))
        .detail("input  " + x.meta().str())
        .detail("weight " + weight.meta().str());
  }
  const Tensor y = matmul(x, transpose(weight));
  return bias.defined() ? y + bias : y;
}

// ---- einsum ------------------------------------------------------------------------------------

namespace {

struct Formula {
  std::string a, b, out;
};

Formula parse(std::string_view text, bool two) {
  const auto wrong = [&](const std::string& what) -> Error {
    return Error("einsum", what + " in \"" + std::string(text) + "\"");
  };
  std::string compact;
  std::copy_if(text.begin(), text.end(), std::back_inserter(compact), [](char c) { return c != ' '; });
  const size_t arrow = compact.find("->");
  const std::string inputs = compact.substr(0, arrow);
  const size_t comma = inputs.find(',');
  if ((comma != std::string::npos) != two) throw wrong(two ? "expected two operands" : "expected one operand");
  Formula f{inputs.substr(0, comma), two ? inputs.substr(comma + 1) : "", ""};
  for (char c : f.a + f.b) {
    if (!std::isalpha(static_cast<unsigned char>(c))) throw wrong(std::string("unexpected '") + c + "'");
  }
  if (arrow != std::string::npos) {
    f.out = compact.substr(arrow + 2);
  } else {
    for (char c : f.a + f.b) {
      if (std::count(f.a.begin(), f.a.end(), c) + std::count(f.b.begin(), f.b.end(), c) == 1) f.out += c;
    }
    std::sort(f.out.begin(), f.out.end());
  }
  for (char c : f.out) {
    if ((f.a + f.b).find(c) == std::string::npos)
      throw wrong(std::string("the result has an unknown label '") + c + "'");
    if (std::count(f.out.begin(), f.out.end(), c) > 1)
      throw wrong(std::string("the result repeats the label '") + c + "'");
  }
  return f;
}

/// Repeated labels of one operand become one axis: its diagonal.
Tensor take_diagonals(Tensor x, std::string& labels) {
  if (static_cast<int>(labels.size()) != x.rank()) {
    throw Error("einsum",
                "\"" + labels + "\" names " + std::to_string(labels.size()) + " axes of a tensor " + x.meta().str());
  }
  for (size_t i = 0; i < labels.size();) {
    const size_t j = labels.find(labels[i], i + 1);
    if (j == std::string::npos) {
      ++i;
      continue;
    }
    const int64_t n = x.size(static_cast<int>(i));
    if (x.size(static_cast<int>(j)) != n) {
      throw Error("einsum", std::string("label '") + labels[i] + "' has two extents in " + x.meta().str());
    }
    Dims order;
    std::string rest;
    for (size_t k = 0; k < labels.size(); ++k) {
      if (k == i || k == j) continue;
      order.push_back(static_cast<int64_t>(k));
      rest += labels[k];
    }
    order.push_back(static_cast<int64_t>(i));
    order.push_back(static_cast<int64_t>(j));
    const Tensor moved = permute(x, order);
    Shape flat = moved.shape();
    flat.erase(flat.rank() - 1);
    flat[flat.rank() - 1] = n * n;
    x = slice(reshape(moved, flat), -1, 0, n * n, n + 1);
    labels = rest + labels[i];
    i = 0;
  }
  return x;
}

/// Sums the axes whose label nobody else wants.
Tensor sum_unshared(const Tensor& x, std::string& labels, const std::string& wanted) {
  Dims axes;
  std::string kept;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (wanted.find(labels[i]) == std::string::npos) {
      axes.push_back(static_cast<int64_t>(i));
    } else {
      kept += labels[i];
    }
  }
  labels = kept;
  return axes.empty() ? x : sum(x, axes);
}

Tensor ordered(const Tensor& x, const std::string& labels, const std::string& wanted) {
  Dims order;
  for (char c : wanted) order.push_back(static_cast<int64_t>(labels.find(c)));
  return permute(x, order);
}

}  // namespace

Tensor einsum(std::string_view formula, const Tensor& a) {
  Formula f = parse(formula, false);
  Tensor x = take_diagonals(a, f.a);
  x = sum_unshared(x, f.a, f.out);
  return ordered(x, f.a, f.out);
}

Tensor einsum(std::string_view formula, const Tensor& a, const Tensor& b) {
  Formula f = parse(formula, true);
  Tensor x = take_diagonals(a, f.a), y = take_diagonals(b, f.b);
  x = sum_unshared(x, f.a, f.b + f.out);
  y = sum_unshared(y, f.b, f.a + f.out);
  // Labels: batch (in all three), rows (a and out), columns (b and out), inner (a and b).
  std::string batch, rows, columns, inner;
  for (char c : f.a) {
    const bool in_b = f.b.find(c) != std::string::npos, in_out = f.out.find(c) != std::string::npos;
    (in_b && in_out ? batch : in_b ? inner : rows) += c;
  }
  for (char c : f.b) {
    if (f.a.find(c) == std::string::npos) columns += c;
  }
  const auto extent = [&](char c) {
    const size_t ia = f.a.find(c), ib = f.b.find(c);
    const int64_t ea = ia != std::string::npos ? x.size(static_cast<int>(ia)) : -1;
    const int64_t eb = ib != std::string::npos ? y.size(static_cast<int>(ib)) : -1;
    if (ea >= 0 && eb >= 0 && ea != eb) {
      throw Error("einsum",
                  std::string("label '") + c + "' has extents " + std::to_string(ea) + " and " + std::to_string(eb));
    }
    return std::max(ea, eb);
  };
  const auto product = [&](const std::string& labels) {
    int64_t n = 1;
    for (char c : labels) n *= extent(c);
    return n;
  };
  const int64_t nb = product(batch), nr = product(rows), nc = product(columns), ni = product(inner);
  const Tensor left = reshape(ordered(x, f.a, batch + rows + inner), {nb, nr, ni});
  const Tensor right = reshape(ordered(y, f.b, batch + inner + columns), {nb, ni, nc});
  Shape shape;
  for (char c : batch + rows + columns) shape.push_back(extent(c));
  return ordered(reshape(matmul(left, right), shape), batch + rows + columns, f.out);
}

}  // namespace lamina
