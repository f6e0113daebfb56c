// Every op of ops.def against every claim made of ops. A failing case is named by op, sample and dtype.
#include "catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/engine/backend.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"
#include "lamina/tensor/storage.h"

namespace lamina::catalog {
namespace {

// ---- helpers -----------------------------------------------------------------------------------

bool follows_dtype(const Input& in) { return !in.dtype; }

std::vector<DType> dtypes_of(const Sample& s) {
  if (std::any_of(s.in.begin(), s.in.end(), follows_dtype)) return {DType::f64, DType::f32, DType::bf16};
  return {DType::f32};
}

Tensors contiguous_unless_strided(const OpDef& def, Tensors inputs) {
  for (Tensor& t : inputs) {
    if (!def.traits.strided) t = contiguous(t);
  }
  return inputs;
}

Metas metas_of(const Tensors& tensors) {
  Metas metas;
  for (const Tensor& t : tensors) metas.push_back(t.meta());
  return metas;
}

/// One output between guard bytes.
class GuardedBuffer {
 public:
  GuardedBuffer(const Meta& meta, unsigned char fill)
      : meta_(meta),
        bytes_(static_cast<size_t>(meta.numel()) * size_of(meta.dtype)),
        storage_(Storage::allocate(bytes_ + 2 * kGuard)) {
    std::memset(storage_->data(), kGuardByte, bytes_ + 2 * kGuard);
    std::memset(data(), fill, bytes_);
  }
  void* data() const { return storage_->data() + kGuard; }
  Tensor tensor() const { return Tensor::from_bytes(data(), meta_.shape, meta_.dtype); }
  bool intact() const {
    const auto guard = [](const std::byte* p) {
      return std::all_of(p, p + kGuard, [](std::byte b) { return b == std::byte{kGuardByte}; });
    };
    return guard(storage_->data()) && guard(storage_->data() + kGuard + bytes_);
  }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr unsigned char kGuardByte = 0xA5;
  Meta meta_;
  size_t bytes_;
  std::shared_ptr<Storage> storage_;
};

/// Runs a backend's kernel on memory filled with `fill`; nothing where it has none.
/// `only_first`: null pointers for the other outputs.
std::optional<Tensors> run_kernel(const Backend& backend, const Record& r, const Sample& s, const Tensors& given,
                                  unsigned char fill, bool only_first = false) {
  const OpDef& def = op_def(r.op);
  const Tensors inputs = contiguous_unless_strided(def, given);
  const Metas in = metas_of(inputs), out = def.infer(in, s.attrs);
  KernelChoice choice = backend.prepare({r.op, in, out, s.attrs});
  if (std::holds_alternative<Refusal>(choice)) return std::nullopt;
  Kernel& kernel = *std::get<std::unique_ptr<Kernel>>(choice);
  std::vector<void*> from, to;
  std::vector<GuardedBuffer> buffers;
  for (const Tensor& t : inputs) from.push_back(t.mutable_raw());
  for (const Meta& m : out) {
    buffers.emplace_back(m, fill);
    to.push_back(only_first && to.size() > 0 ? nullptr : buffers.back().data());
  }
  GuardedBuffer workspace(Meta(DType::u8, {static_cast<int64_t>(kernel.workspace_bytes())}), fill);
  kernel.run(from.data(), to.data(), workspace.data());
  EXPECT_TRUE(workspace.intact()) << "wrote outside of its workspace";
  Tensors outputs;
  for (const GuardedBuffer& b : buffers) {
    EXPECT_TRUE(b.intact()) << "wrote outside of its output";
    outputs.push_back(b.tensor());
    if (only_first) break;
  }
  return outputs;
}

/// The oracle: ref's kernel, or the decomposition run on ref.
Tensors reference(const Record& r, const Sample& s, const Tensors& inputs) {
  const BackendScope only("ref");
  const NoGrad off;
  return dispatch(r.op, inputs, s.attrs);
}

Tensors widened(const Sample& s, Tensors inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (follows_dtype(s.in[i])) inputs[i] = cast(inputs[i], DType::f64);
  }
  return inputs;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  const Tensor x = contiguous(a), y = contiguous(b);
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         (x.bytes() == 0 || std::memcmp(x.raw(), y.raw(), x.bytes()) == 0);
}

/// Bits, but any NaN is any other.
bool same_bits(const Tensor& a, const Tensor& b) {
  if (same_bytes(a, b)) return true;
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const std::vector<double> x = a.values(), y = b.values();
  for (size_t i = 0; i < x.size(); ++i) {
    const bool equal = std::isnan(x[i]) ? std::isnan(y[i]) : x[i] == y[i] && std::signbit(x[i]) == std::signbit(y[i]);
    if (!equal) return false;
  }
  return true;
}

struct Tolerance {
  double relative = 0;
  bool of_largest = false;
};

double finite_maximum(const std::vector<double>& values) {
  double m = 0;
  for (double v : values) m = std::isfinite(v) ? std::max(m, std::abs(v)) : m;
  return m;
}

/// The first element that differs by more than is allowed, in words; empty where all agree.
std::string difference(const Tensor& got, const Tensor& expected, Tolerance allowed) {
  if (got.shape() != expected.shape()) return "shape " + got.meta().str() + " instead of " + expected.meta().str();
  const BackendScope only("ref");
  const std::vector<double> x = got.values(), e = cast(expected, got.dtype()).values();
  const double scale = allowed.of_largest ? finite_maximum(e) : 0;
  const double smallest = got.dtype() == DType::f64 ? 1e-300 : 2e-38;  // subnormal numbers may be flushed
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == e[i] || (std::isnan(x[i]) && std::isnan(e[i]))) continue;
    const double limit = allowed.relative * std::max(std::abs(e[i]), scale) + smallest;
    if (!is_floating(got.dtype()) || !(std::abs(x[i] - e[i]) <= limit)) {
      char text[160];
      std::snprintf(text, sizeof text, "element %zu of %s: got %.9g, expected %.9g, off by %.3g of the %.3g allowed", i,
                    got.meta().str().c_str(), x[i], e[i], std::abs(x[i] - e[i]), limit);
      return text;
    }
  }
  return {};
}

/// Of a kernel that computes in `dtype` what the reference does in f64.
Tolerance tolerance(const Record& r, DType dtype, const Backend& backend) {
  const bool exact = backend.name() == "ref";
  switch (dtype) {
    case DType::f64:
      return {exact ? 0 : 1e-13, r.contraction};
    case DType::bf16:
      return {exact ? 0x1p-9 : 0x1p-7, r.contraction && !exact};
    default:
      return {exact ? 6e-8 : r.f32, r.contraction && !exact};
  }
}

std::string label(const Sample& s, DType dtype) { return "sample \"" + s.name + "\", " + std::string(name_of(dtype)); }

class Op : public testing::TestWithParam<size_t> {
 protected:
  const Record& record() const { return records()[GetParam()]; }
  const OpDef& def() const { return op_def(record().op); }

  /// body(sample, dtype, inputs) for every sample and dtype.
  template <class F>
  void for_each_case(F&& body) const {
    for (const Sample& s : record().samples) {
      for (DType dtype : dtypes_of(s)) {
        SCOPED_TRACE(label(s, dtype));
        body(s, dtype, make_inputs(record(), s, dtype));
      }
    }
  }
};

std::string op_name(const testing::TestParamInfo<size_t>& info) {
  return std::string(name_of(records()[info.param].op));
}

// ---- kernels -----------------------------------------------------------------------------------

TEST_P(Op, KernelsWriteAllOfTheirOutputsAndNothingElse) {
  for_each_case([&](const Sample& s, DType, const Tensors& inputs) {
    for (const Backend* b : backends()) {
      SCOPED_TRACE(b->name());
      const auto first = run_kernel(*b, record(), s, inputs, 0xCD), second = run_kernel(*b, record(), s, inputs, 0x3F);
      if (!first) continue;
      for (size_t i = 0; i < first->size(); ++i)
        EXPECT_TRUE(same_bytes((*first)[i], (*second)[i])) << "output " << i << " is not written, or not repeatable";
      const auto alone = run_kernel(*b, record(), s, inputs, 0xCD, true);
      EXPECT_TRUE(same_bytes((*alone)[0], (*first)[0])) << "differs where nobody wants the other outputs";
    }
  });
}

TEST_P(Op, KernelsAgreeWithTheReferenceInF64) {
  for_each_case([&](const Sample& s, DType dtype, const Tensors& inputs) {
    Tensors expected;
    for (const Backend* b : backends()) {
      SCOPED_TRACE(b->name());
      const auto got = run_kernel(*b, record(), s, inputs, 0xCD);
      if (!got) continue;
      if (expected.empty()) expected = reference(record(), s, widened(s, inputs));
      ASSERT_EQ(got->size(), expected.size());
      for (size_t i = 0; i < got->size(); ++i) {
        EXPECT_EQ(difference((*got)[i], expected[i],
                             tolerance(record(), (*got)[i].dtype() == DType::f32 ? DType::f32 : dtype, *b)),
                  "")
            << "output " << i;
      }
    }
  });
}

TEST_P(Op, KernelsAgreeWithTheDecomposition) {
  if (!def().decompose) return;
  for_each_case([&](const Sample& s, DType dtype, const Tensors& inputs) {
    if (dtype == DType::bf16) return;
    Tensors expected;
    {
      const BackendScope only("ref");
      const NoGrad off;
      expected = def().decompose(widened(s, inputs), s.attrs);
    }
    const Metas inferred = def().infer(metas_of(widened(s, inputs)), s.attrs);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(expected[i].shape(), inferred[i].shape);
      EXPECT_EQ(expected[i].dtype(), inferred[i].dtype);
    }
    for (const Backend* b : backends()) {
      SCOPED_TRACE(b->name());
      const auto got = run_kernel(*b, record(), s, inputs, 0xCD);
      if (!got) continue;
      for (size_t i = 0; i < got->size(); ++i) {
        const double allowed = dtype == DType::f64 ? 1e-12 : record().f32;
        EXPECT_EQ(difference((*got)[i], expected[i], {allowed, true}), "") << "output " << i;
      }
    }
  });
}

// ---- dispatch ----------------------------------------------------------------------------------

TEST_P(Op, DispatchGivesWhatWasInferred) {
  for_each_case([&](const Sample& s, DType, const Tensors& inputs) {
    const Metas inferred = def().infer(metas_of(contiguous_unless_strided(def(), inputs)), s.attrs);
    const Tensors out = dispatch(record().op, inputs, s.attrs);
    ASSERT_EQ(out.size(), inferred.size());
    for (size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out[i].shape(), inferred[i].shape);
      EXPECT_EQ(out[i].dtype(), inferred[i].dtype);
    }
  });
}

TEST_P(Op, RefusesWrongCalls) {
  for (const Wrong& w : record().wrong) {
    try {
      w.call();
      ADD_FAILURE() << "no error that says \"" << w.says << "\"";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(w.says), std::string::npos) << "says: " << e.what();
    }
  }
}

// ---- gradients ---------------------------------------------------------------------------------

/// The op as a function of its floating-point inputs that gives all its floating-point outputs in one vector.
struct Differentiable {
  const Record& record;
  const Sample& sample;
  Tensors inputs;
  std::vector<size_t> variable = {};  // numbers of the floating-point inputs

  Differentiable(const Record& r, const Sample& s, DType dtype)
      : record(r), sample(s), inputs(make_inputs(r, s, dtype)) {
    for (size_t i = 0; i < s.in.size(); ++i) {
      if (follows_dtype(s.in[i])) variable.push_back(i);
    }
  }
  Tensors at() const {
    Tensors xs;
    for (size_t i : variable) xs.push_back(inputs[i]);
    return xs;
  }
  Tensors outputs(const Tensors& xs) const {
    Tensors all = inputs;
    for (size_t k = 0; k < xs.size(); ++k) all[variable[k]] = xs[k];
    return dispatch(record.op, all, sample.attrs);
  }
  Tensor operator()(const Tensors& xs) const {
    Tensors parts;
    for (const Tensor& t : outputs(xs)) {
      if (is_floating(t.dtype())) parts.push_back(reshape(t, {t.numel()}));
    }
    return concat(parts, 0);
  }
  bool applies() const {
    if (variable.empty()) return false;
    const Tensors out = outputs(at());
    return std::any_of(out.begin(), out.end(), [](const Tensor& t) { return is_floating(t.dtype()); });
  }
};

TEST_P(Op, GradientsAgreeWithFiniteDifferences) {
  for (const Sample& s : record().samples) {
    SCOPED_TRACE(label(s, DType::f64));
    if (!s.gradient || s.large) continue;
    const Differentiable f(record(), s, DType::f64);
    if (!f.applies()) continue;
    const GradientCheck first = check_gradients(f, f.at(), {.max_elements = 30});
    EXPECT_TRUE(first.ok) << first.report;
    const GradientCheck second = check_gradients(f, f.at(), {.atol = 1e-5, .max_elements = 6, .second_order = true});
    EXPECT_TRUE(second.ok) << "second order: " << second.report;
  }
}

TEST_P(Op, GradientsDoNotDependOnWhichAreAskedFor) {
  for (const Sample& s : record().samples) {
    SCOPED_TRACE(label(s, DType::f64));
    const Differentiable f(record(), s, DType::f64);
    if (!s.gradient || f.variable.size() < 2 || !f.applies()) continue;
    const TensorFn total = [&](const Tensors& xs) { return sum(square(f(xs))); };
    const Tensors all = grad(total, f.at());
    for (size_t i = 0; i < f.variable.size(); ++i) {
      const TensorFn alone = [&](const Tensors& xs) {
        Tensors at = f.at();
        at[i] = xs[0];
        return total(at);
      };
      EXPECT_TRUE(same_bits(grad(alone, {f.at()[i]})[0], all[i])) << "input " << i;
    }
  }
}

TEST_P(Op, GradientsOfFastKernelsAgreeWithTheReference) {
  for (const Sample& s : record().samples) {
    const Differentiable fast(record(), s, DType::f32);
    if (fast.variable.empty() || s.name.find("special") != std::string::npos || !fast.applies()) continue;
    SCOPED_TRACE(label(s, DType::f32));
    Differentiable exact = fast;
    exact.inputs = widened(s, exact.inputs);
    const auto gradients = [](const Differentiable& f, const Tensor& v) {
      return vjp([&](const Tensors& xs) { return f(xs); }, f.at(), v);
    };
    const int64_t n = fast(fast.at()).numel();
    const Tensor v = sin(arange(1, static_cast<double>(n) + 1));
    Tensors expected;
    {
      const BackendScope only("ref");
      expected = gradients(exact, cast(v, DType::f64));
    }
    const Tensors got = gradients(fast, v);
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(difference(got[i], expected[i], {std::max(10 * record().f32, 2e-6), true}), "") << "of input " << i;
    }
  }
}

// ---- capture and threads -----------------------------------------------------------------------

/// Results and gradients, as a step.
Tensors step_of(const Differentiable& f, bool differentiate, const Tensors& in) {
  Differentiable moved = f;
  moved.inputs = in;
  Tensors results = moved.outputs(moved.at());
  if (!differentiate) return results;
  const Tensors gradients = grad([&](const Tensors& xs) { return sum(moved(xs) * 0.75); }, moved.at());
  results.insert(results.end(), gradients.begin(), gradients.end());
  return results;
}

TEST_P(Op, CapturedGivesTheBitsOfEager) {
  for (const Sample& s : record().samples) {
    for (DType dtype : dtypes_of(s)) {
      SCOPED_TRACE(label(s, dtype));
      if (s.large || dtype == DType::f64) continue;
      Differentiable f(record(), s, dtype);
      for (Tensor& t : f.inputs) t = contiguous(t);
      const bool differentiate = f.applies();
      const auto step = [&](const Tensors& in) { return step_of(f, differentiate, in); };
      const Tensors eager = step(f.inputs);
      for (const bool optimised : {true, false}) {
        graph::Captured captured(step, {},
                                 {.disabled_passes = optimised ? std::vector<std::string>{} : graph::passes()});
        const Tensors& got = captured(f.inputs);
        ASSERT_EQ(got.size(), eager.size());
        for (size_t i = 0; i < got.size(); ++i) {
          EXPECT_TRUE(same_bits(got[i], eager[i])) << "result " << i << (optimised ? " with" : " without")
                                                   << " passes: " << difference(got[i], eager[i], {});
        }
      }
    }
  }
}

TEST_P(Op, GivesTheSameBitsForOneAndTwoThreads) {
  const int before = num_threads();
  for (const Sample& s : record().samples) {
    SCOPED_TRACE(label(s, DType::f32));
    if (!s.large) continue;
    const Differentiable f(record(), s, DType::f32);
    const bool differentiate = f.applies();
    set_num_threads(1);
    const Tensors one = step_of(f, differentiate, f.inputs);
    set_num_threads(2);
    const Tensors two = step_of(f, differentiate, f.inputs);
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_TRUE(same_bits(one[i], two[i])) << "result " << i << ": " << difference(two[i], one[i], {});
  }
  set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Catalog, Op, testing::Range(size_t{0}, records().size()), op_name);

// ---- the catalog itself ------------------------------------------------------------------------

TEST(Catalog, HasOneRecordOfEachOp) {
  std::vector<int> count(static_cast<size_t>(OpId::count));
  for (const Record& r : records()) {
    ++count[static_cast<size_t>(r.op)];
    EXPECT_FALSE(r.samples.empty()) << name_of(r.op) << " has no samples";
  }
  for (size_t i = 0; i < count.size(); ++i)
    EXPECT_EQ(count[i], 1) << "records of " << name_of(static_cast<OpId>(i)) << " in tests/catalog";
}

TEST(Catalog, TheReferenceHasEveryPrimitive) {
  const BackendScope only("ref");
  for (const Record& r : records()) {
    if (op_def(r.op).traits.view || op_def(r.op).decompose) continue;
    EXPECT_TRUE(run_kernel(*backends()[0], r, r.samples[0], make_inputs(r, r.samples[0], DType::f64), 0))
        << name_of(r.op);
  }
}

}  // namespace
}  // namespace lamina::catalog
