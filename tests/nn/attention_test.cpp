#include <gtest/gtest.h>

#include <cmath>

#include "../support/golden.h"
#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"

namespace lamina::nn {
namespace {

using lamina::testing::close;

struct Case {
  AttentionOptions options;
  std::vector<std::string> names;
};

std::vector<Case> cases() {
  return {{{.query = 4, .memory = 4}, {}},
          {{.query = 4, .memory = 4, .scaled = true}, {}},
          {{.query = 3, .memory = 4, .score = "general"}, {"memory_layer.weight"}},
          {{.query = 3, .memory = 4, .score = "additive", .hidden = 5},
           {"query_layer.weight", "query_layer.bias", "memory_layer.weight", "v.weight"}}};
}

double score(const AttentionOptions& o, Attention& a, const std::vector<double>& q, const std::vector<double>& m) {
  std::vector<std::vector<double>> p;
  for (const NamedVariable& v : a.named_parameters()) p.push_back(v.variable.value().values());
  double total = 0;
  if (o.score == "additive") {
    for (size_t h = 0; h < 5; ++h) {
      double sum = p[1][h];
      for (size_t i = 0; i < q.size(); ++i) sum += p[0][h * q.size() + i] * q[i];
      for (size_t i = 0; i < m.size(); ++i) sum += p[2][h * m.size() + i] * m[i];
      total += p[3][h] * std::tanh(sum);
    }
    return total;
  }
  for (size_t i = 0; i < q.size(); ++i) {
    double key = o.score == "dot" ? m[i] : 0;
    for (size_t j = 0; o.score != "dot" && j < m.size(); ++j) key += p[0][i * m.size() + j] * m[j];
    total += q[i] * key;
  }
  return o.scaled ? total / std::sqrt(static_cast<double>(q.size())) : total;
}

TEST(Attention, FollowsItsEquationsWithAndWithoutMask) {
  seed(1);
  const Tensor mask = length_mask(Tensor::from({3, 1, 0}, {3}, DType::i64), 3);
  for (const Case& c : cases()) {
    SCOPED_TRACE(json_of(c.options));
    Attention a{c.options};
    std::vector<std::string> names;
    for (const NamedVariable& v : a.named_parameters()) names.push_back(v.name);
    EXPECT_EQ(names, c.names);
    const int64_t features = c.options.query;
    const Tensor q = init::normal({3, 2, features}), memory = init::normal({3, 3, 4});
    for (const bool masked : {false, true}) {
      const AttentionResult r = a(q, memory, masked ? mask : Tensor());
      for (int64_t n = 0; n < 3; ++n) {
        const int64_t places = !masked ? 3 : n == 0 ? 3 : n == 1 ? 1 : 0;
        for (int64_t k = 0; k < 2; ++k) {
          const std::vector<double> one = select(select(q, 0, n), 0, k).values();
          std::vector<double> e, context(4);
          double total = 0;
          for (int64_t t = 0; t < places; ++t) {
            e.push_back(std::exp(score(c.options, a, one, select(select(memory, 0, n), 0, t).values())));
            total += e.back();
          }
          for (int64_t t = 0; t < 3; ++t) {
            const double weight = t < places ? e[static_cast<size_t>(t)] / total : 0;
            EXPECT_NEAR(r.weights.at({n, k, t}), weight, 1e-5);
            for (int64_t i = 0; i < 4; ++i) context[static_cast<size_t>(i)] += weight * memory.at({n, t, i});
          }
          for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(r.context.at({n, k, i}), context[static_cast<size_t>(i)], 1e-5);
        }
      }
      const AttentionResult single = a(select(q, 1, 1), memory, masked ? mask : Tensor(), a.keys(memory));
      EXPECT_TRUE(close(single.context, select(r.context, 1, 1), 1e-6));
      EXPECT_TRUE(close(single.weights, select(r.weights, 1, 1), 1e-6));
    }
  }
}

TEST(Attention, HasTheGradientsOfFiniteDifferences) {
  seed(2);
  const Tensor mask = length_mask(Tensor::from({3, 1, 0}, {3}, DType::i64), 3);
  for (const Case& c : cases()) {
    SCOPED_TRACE(json_of(c.options));
    Attention a{c.options};
    convert(a, DType::f64);
    const int64_t features = c.options.query;
    Tensors at{cast(init::normal({3, features}), DType::f64), cast(init::normal({3, 3, 4}), DType::f64)};
    std::vector<NamedVariable> parameters = a.named_parameters();
    for (const NamedVariable& p : parameters) at.push_back(p.variable.value());
    const auto f = [&](const Tensors& xs) {
      for (size_t i = 0; i < parameters.size(); ++i) parameters[i].variable.replace(xs[i + 2]);
      return a(xs[0], xs[1], mask).context;
    };
    const GradientCheck check = check_gradients(f, at);
    EXPECT_TRUE(check.ok) << check.report;
  }
}

TEST(Attention, MistakesNameWhatIsWrong) {
  const auto says = [](const std::function<void()>& call, const std::string& text) {
    try {
      call();
      ADD_FAILURE() << "no error that says " << text;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    }
  };
  says([] { Attention{{.query = 3, .memory = 4}}; }, "general");
  says([] { Attention{{.query = 3, .memory = 3, .score = "cosine"}}; }, "score must be one of");
  Attention a{{.query = 3, .memory = 3}};
  says([&] { a(ones({2, 4}), ones({2, 5, 3})); }, "features of the query");
  says([&] { a(ones({2, 3}), ones({2, 5, 4})); }, "features of the memory");
  says([&] { a(ones({1, 3}), ones({2, 5, 3})); }, "as many samples");
  says([&] { a(ones({2, 3}), ones({2, 5, 3}), ones({2, 5})); }, "mask");
}

}  // namespace
}  // namespace lamina::nn
