#include "lamina/optim/optimizer.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "../support/golden.h"
#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/optim.h"

namespace lamina::optim {
namespace {

using lamina::testing::close;
using lamina::testing::golden;
using lamina::testing::unpack;
using OptimizerPtr = std::unique_ptr<Optimizer>;

/// The optimizers of tools/golden/optimizers.py.
const std::map<std::string, std::function<OptimizerPtr()>>& catalog() {
  static const std::map<std::string, std::function<OptimizerPtr()>> all{
      {"sgd", [] { return Sgd{{.lr = 0.05}}.copy(); }},
      {"sgd/decay", [] { return Sgd{{.lr = 0.05, .weight_decay = 0.1, .decay_all = true}}.copy(); }},
      {"momentum", [] { return Momentum{{.lr = 0.05}}.copy(); }},
      {"momentum/dampening",
       [] { return Momentum{{.lr = 0.05, .dampening = 0.3, .weight_decay = 0.01, .decay_all = true}}.copy(); }},
      {"momentum/average", [] { return Momentum{{.lr = 0.05, .average = true}}.copy(); }},
      {"nesterov", [] { return Nesterov{{.lr = 0.05, .momentum = 0.8}}.copy(); }},
      {"adagrad", [] { return Adagrad{{.lr = 0.05}}.copy(); }},
      {"adagrad/everything",
       [] {
         return Adagrad{
             {.lr = 0.05, .lr_decay = 0.1, .initial_accumulator = 0.2, .weight_decay = 0.05, .decay_all = true}}
             .copy();
       }},
      {"rmsprop", [] { return RmsProp{{}}.copy(); }},
      {"rmsprop/everything",
       [] {
         return RmsProp{{.alpha = 0.9, .momentum = 0.7, .centered = true, .weight_decay = 0.05, .decay_all = true}}
             .copy();
       }},
      {"adadelta", [] { return Adadelta{{}}.copy(); }},
      {"adadelta/decay",
       [] { return Adadelta{{.lr = 0.5, .rho = 0.8, .weight_decay = 0.05, .decay_all = true}}.copy(); }},
      {"adam", [] { return Adam{{.lr = 0.01}}.copy(); }},
      {"adam/decay",
       [] { return Adam{{.lr = 0.01, .beta1 = 0.8, .beta2 = 0.99, .weight_decay = 0.1, .decay_all = true}}.copy(); }},
      {"adam/amsgrad", [] { return Adam{{.lr = 0.01, .amsgrad = true}}.copy(); }},
      {"adamw", [] { return AdamW{{.lr = 0.01, .weight_decay = 0.1, .decay_all = true}}.copy(); }},
      {"adamw/amsgrad",
       [] { return AdamW{{.lr = 0.01, .amsgrad = true, .weight_decay = 0.1, .decay_all = true}}.copy(); }},
      {"adamax", [] { return Adamax{{.lr = 0.02}}.copy(); }},
      {"adamax/decay", [] { return Adamax{{.lr = 0.02, .weight_decay = 0.1, .decay_all = true}}.copy(); }},
      {"nadam", [] { return Nadam{{.lr = 0.02}}.copy(); }},
      {"nadam/decay", [] { return Nadam{{.lr = 0.02, .weight_decay = 0.1, .decay_all = true}}.copy(); }},
  };
  return all;
}

Tensor cosines(const Shape& shape, DType dtype = DType::f32) {
  return reshape(cos(arange(0, static_cast<double>(shape.numel()), 1, dtype)), shape);
}

/// A weight and a bias, and the gradients of the golden runs.
struct Params {
  explicit Params(DType dtype = DType::f32)
      : weight(contiguous(cosines({3, 4}, dtype)), true), bias(contiguous(cosines({3}, dtype)), true) {}
  std::vector<nn::NamedVariable> named() const { return {{"weight", weight}, {"bias", bias}}; }

  Tensors grads(double step) const {
    Tensors all;
    for (const Variable& v : {weight, bias}) {
      const Tensor p = stop_gradient(v.value());
      const Tensor i = arange(0, static_cast<double>(p.numel()), 1, p.dtype());
      all.push_back(reshape(sin(i * 0.7 + 0.3 * step), p.shape()) + p * 0.5);
    }
    return all;
  }

  Variable weight, bias;
};

class OptimizerBattery : public ::testing::TestWithParam<std::string> {
 protected:
  OptimizerPtr make() const { return catalog().at(GetParam())(); }
};

TEST_P(OptimizerBattery, TakesTheTwentyStepsOfPyTorch) {
  for (DType dtype : {DType::f32, DType::f64}) {
    Params p(dtype);
    const OptimizerPtr optimizer = make();
    optimizer->bind(p.named());
    for (int step = 1; step <= 20; ++step) {
      optimizer->step(p.grads(step));
      const auto& seen = golden("optimizers.json").at(GetParam());
      if (!seen.contains(std::to_string(step))) continue;
      const auto& expected = seen.at(std::to_string(step));
      const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-6;
      EXPECT_TRUE(close(p.weight.value(), unpack(expected.at("weight"), dtype), tolerance)) << step;
      EXPECT_TRUE(close(p.bias.value(), unpack(expected.at("bias"), dtype), tolerance)) << step;
    }
  }
}

TEST_P(OptimizerBattery, CapturedStepsAreThoseOfEagerCode) {
  Params eager, compiled;
  const OptimizerPtr a = make(), b = make();
  a->bind(eager.named());
  b->bind(compiled.named());
  std::vector<Variable> state{compiled.weight, compiled.bias};
  for (const nn::NamedVariable& v : b->state()) state.push_back(v.variable);
  graph::Captured step(
      [&](const Tensors& grads) {
        b->step(grads);
        return Tensors{};
      },
      state);
  for (int i = 1; i <= 4; ++i) {
    const Tensors grads = eager.grads(i);
    a->step(grads);
    step(grads);
    EXPECT_TRUE(close(compiled.weight.value(), eager.weight.value(), 1e-6)) << i;
    EXPECT_TRUE(close(compiled.bias.value(), eager.bias.value(), 1e-6)) << i;
  }
}

TEST_P(OptimizerBattery, EachParameterIsOneKernel) {
  Params p;
  const OptimizerPtr optimizer = make();
  optimizer->bind(p.named());
  std::vector<Variable> state{p.weight, p.bias};
  for (const nn::NamedVariable& v : optimizer->state()) state.push_back(v.variable);
  graph::Captured step(
      [&](const Tensors& grads) {
        optimizer->step(grads);
        return Tensors{};
      },
      state);
  step.prepare(p.grads(1));
  // Besides the two parameters: the step counter, and groups of scalars shared by all parameters.
  EXPECT_LE(step.report().steps, 2 + 3) << step.report().graph;
}

TEST_P(OptimizerBattery, ARunGoesOnFromItsSavedState) {
  Params whole, first, second;
  const OptimizerPtr a = make(), b = make(), c = make();
  a->bind(whole.named());
  b->bind(first.named());
  for (int i = 1; i <= 6; ++i) a->step(whole.grads(i));
  for (int i = 1; i <= 3; ++i) b->step(first.grads(i));
  second.weight.assign(first.weight.value());
  second.bias.assign(first.bias.value());
  c->bind(second.named());
  const std::vector<nn::NamedVariable> from = b->state(), to = c->state();
  ASSERT_EQ(from.size(), to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].name, to[i].name);
    to[i].variable.assign(from[i].variable.value());
  }
  for (int i = 4; i <= 6; ++i) c->step(second.grads(i));
  EXPECT_EQ(second.weight.value().values(), whole.weight.value().values());
  EXPECT_EQ(second.bias.value().values(), whole.bias.value().values());
}

std::vector<std::string> keys() {
  std::vector<std::string> all;
  for (const auto& [key, make] : catalog()) all.push_back(key);
  return all;
}
std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, OptimizerBattery, ::testing::ValuesIn(keys()), test_name);

TEST(OptimizerTable, EveryEntryHasARecordAndListsItsOptions) {
  for (const Entry<Optimizer>& entry : optimizer_table()) {
    EXPECT_TRUE(catalog().contains(std::string(entry.name))) << "no test record for " << entry.name;
    FieldPrinter options;
    const OptimizerPtr made = entry.make(options);
    EXPECT_EQ(made->name(), entry.name);
    EXPECT_NE(options.json().find("\"lr\""), std::string::npos) << entry.name;
    EXPECT_EQ(made->describe(), options.json());
  }
  for (const auto& [key, value] : golden("optimizers.json").items()) {
    EXPECT_TRUE(key.starts_with("lbfgs") || catalog().contains(key)) << key;
  }
}

TEST(Optimizer, WeightDecayLeavesBiasesAloneByDefault) {
  Params p;
  const std::vector<double> weight = p.weight.value().values(), bias = p.bias.value().values();
  Sgd optimizer{{.lr = 0.1, .weight_decay = 0.5}};
  optimizer.bind(p.named());
  optimizer.step({zeros({3, 4}), zeros({3})});
  EXPECT_EQ(p.bias.value().values(), bias);
  EXPECT_NEAR(p.weight.value().values()[0], weight[0] * 0.95, 1e-6);
}

TEST(Optimizer, GroupsScaleTheRateAndSetTheDecay) {
  Params p;
  const std::vector<double> weight = p.weight.value().values(), bias = p.bias.value().values();
  AdamW optimizer{
      {.lr = 0.1,
       .weight_decay = 0.5,
       .groups = {{.match = "*", .lr_scale = 2}, {.match = "bias|norm*", .lr_scale = 0.5, .weight_decay = 1}}}};
  optimizer.bind(p.named());
  optimizer.step({zeros({3, 4}), zeros({3})});
  EXPECT_NEAR(p.weight.value().values()[0], weight[0] * (1 - 0.2 * 0.5), 1e-6);
  EXPECT_NEAR(p.bias.value().values()[0], bias[0] * (1 - 0.05), 1e-6);
}

TEST(Optimizer, FrozenParametersAndMissingGradientsStay) {
  Params p;
  p.bias.set_trainable(false);
  Adam optimizer{{.lr = 0.1}};
  optimizer.bind(p.named());
  EXPECT_EQ(optimizer.names(), (std::vector<std::string>{"weight"}));
  const std::vector<double> before = p.weight.value().values();
  optimizer.step({Tensor()});
  EXPECT_EQ(p.weight.value().values(), before);
}

TEST(Optimizer, ACopySharesWhatIsBound) {
  Params p;
  Momentum optimizer{{.lr = 0.1}};
  optimizer.bind(p.named());
  const OptimizerPtr copy = optimizer.copy();
  copy->set_lr(0.5);
  EXPECT_EQ(optimizer.lr(), 0.5);
  copy->step(p.grads(1));
  EXPECT_EQ(optimizer.state()[0].variable.value().values(), copy->state()[0].variable.value().values());
  EXPECT_NE(sum(abs(optimizer.state()[0].variable.value())).item(), 0);
  EXPECT_EQ(optimizer.state()[0].name, "momentum_buffer.weight");
}

TEST(Optimizer, CopiesBoundEachByThemselvesAreIndependent) {
  for (const Entry<Optimizer>& entry : optimizer_table()) {
    FieldPrinter options;
    const OptimizerPtr a = entry.make(options), b = a->copy();
    Params p, q;
    a->bind(p.named());
    b->bind(q.named());
    a->step(p.grads(1));
    const std::vector<double> before = q.weight.value().values();
    b->set_lr(0.5);
    EXPECT_NE(a->lr(), 0.5) << entry.name;
    EXPECT_EQ(q.weight.value().values(), before) << entry.name;
    for (const nn::NamedVariable& v : b->state()) {
      const double fresh = v.name == "mu_product" ? 1 : 0;
      if (v.name == "step" || v.name == "mu_product") {
        EXPECT_EQ(v.variable.value().item(), fresh) << entry.name;
      }
    }
  }
}

TEST(Optimizer, LowPrecisionParametersHaveStateInF32) {
  Variable w(Tensor::from({1, 2}, {2}, DType::bf16), true);
  Adam optimizer{{.lr = 0.5}};
  optimizer.bind({{"w", w}});
  optimizer.step({Tensor::from({1, 1}, {2}, DType::bf16)});
  EXPECT_EQ(w.value().dtype(), DType::bf16);
  EXPECT_EQ(w.value().values(), (std::vector<double>{0.5, 1.5}));
  EXPECT_EQ(optimizer.state()[0].variable.value().dtype(), DType::f32);
}

TEST(Optimizer, MistakesAreErrors) {
  EXPECT_THROW((Sgd{{.lr = -1}}), Error);
  EXPECT_THROW((Adam{{.beta1 = 1}}), Error);
  EXPECT_THROW((Adam{{.eps = 0}}), Error);
  EXPECT_THROW((Momentum{{.dampening = 0.1, .nesterov = true}}), Error);
  EXPECT_THROW((Momentum{{.dampening = 0.1, .average = true}}), Error);
  EXPECT_THROW((RmsProp{{.alpha = 1}}), Error);
  Params p;
  Sgd optimizer{{.lr = 0.1}};
  EXPECT_THROW(optimizer.step({}), Error);
  optimizer.bind(p.named());
  EXPECT_THROW(optimizer.bind(p.named()), Error);
  EXPECT_THROW(optimizer.step({ones({3, 4})}), Error);
  EXPECT_THROW(optimizer.step({ones({3, 4}), ones({4})}), Error);
  EXPECT_THROW(optimizer.set_lr(-1), Error);
  Sgd typo{{.groups = {{.match = "biass"}}}};
  EXPECT_THROW(typo.bind(p.named()), Error);
  p.weight.set_trainable(false);
  p.bias.set_trainable(false);
  Sgd nothing{{}};
  EXPECT_THROW(nothing.bind(p.named()), Error);
}

Tensor rosenbrock(const Tensor& x) {
  const Tensor head = slice(x, 0, 0, 3), tail = slice(x, 0, 1, 4);
  return sum(square(tail - square(head)) * 100.0 + square(1.0 - head));
}

void expect_lbfgs(const std::string& key, const LbfgsOptions& options) {
  const Variable x(Tensor::from({-1.2, 1, 0.5, -0.3}, {4}, DType::f64), true);
  Lbfgs optimizer({x}, options);
  for (int call = 1; call <= 3; ++call) {
    optimizer.step([&] { return value_and_grad([&] { return rosenbrock(x.value()); }, {x}); });
    const auto& expected = golden("optimizers.json").at(key).at(std::to_string(call)).at("x");
    EXPECT_TRUE(close(x.value(), unpack(expected, DType::f64), 1e-5)) << key << " " << call;
  }
}

TEST(Lbfgs, TakesTheStepsOfPyTorch) {
  expect_lbfgs("lbfgs", {.max_iterations = 8});
  expect_lbfgs("lbfgs/no line search", {.lr = 0.002, .max_iterations = 8, .history = 3, .line_search = false});
}

TEST(Lbfgs, FindsTheMinimum) {
  const Variable x(Tensor::from({0.5, 1.5, 1.2, 0.3}, {4}, DType::f64), true);
  Lbfgs optimizer({x}, {.max_iterations = 200});
  optimizer.step([&] { return value_and_grad([&] { return rosenbrock(x.value()); }, {x}); });
  EXPECT_TRUE(optimizer.converged());
  EXPECT_LT(optimizer.loss(), 1e-9);
  EXPECT_TRUE(close(x.value(), ones({4}, DType::f64), 1e-5));
}

TEST(Lbfgs, StepsBackWhereTheLossIsNotANumber) {
  // Beyond 1 the logarithm has no value; the first trial step lands there.
  const Variable x(Tensor::from({0.5}, {1}, DType::f64), true);
  Lbfgs optimizer({x}, {.lr = 10, .max_iterations = 50});
  optimizer.step([&] { return value_and_grad([&] { return sum(-log(1.0 - x.value()) - x.value() * 4.0); }, {x}); });
  EXPECT_NEAR(x.value().item(), 0.75, 1e-5);
}

TEST(Lbfgs, MistakesAreErrors) {
  EXPECT_THROW(Lbfgs({}), Error);
  const Variable x(ones({2}), true);
  EXPECT_THROW(Lbfgs({x}, {.history = 0}), Error);
  Lbfgs optimizer({x});
  EXPECT_THROW(optimizer.step([&] { return std::pair(ones({}), Tensors{}); }), Error);
  EXPECT_THROW(optimizer.step([&] { return std::pair(ones({}), Tensors{ones({3})}); }), Error);
  EXPECT_THROW(optimizer.step([&] { return std::pair(log(zeros({})), Tensors{ones({2})}); }), Error);
}

}  // namespace
}  // namespace lamina::optim
