#include <array>
#include <sstream>

#include "lamina/core/error.h"
#include "lamina/learners/boosting.h"
#include "lamina/learners/ensemble.h"
#include "lamina/learners/kmeans.h"
#include "lamina/learners/learner.h"
#include "lamina/learners/linear.h"
#include "lamina/learners/linear_classifiers.h"
#include "lamina/learners/neighbours.h"
#include "lamina/learners/networks.h"
#include "lamina/learners/pca.h"
#include "lamina/learners/tree.h"
#include "lamina/recipe/resolver.h"

namespace lamina::learners {

namespace {

template <class L, class Options = typename L::Options>
std::unique_ptr<Learner> make(FieldVisitor& visitor) {
  Options options;
  options.visit(visitor);
  return std::make_unique<L>(options);
}

constexpr std::array kLearners{
    Entry<Learner>{"linear", "least squares: closed form, gd, sgd, lms", make<LinearRegression>},
    Entry<Learner>{"ridge", "least squares with the penalty alpha·Σw²", make<Ridge>},
    Entry<Learner>{"lasso", "least squares with the penalty alpha·Σ|w|: weights that do not pay are 0",
                   make<Lasso, LassoOptions>},
    Entry<Learner>{"elastic_net", "least squares with both penalties", make<ElasticNet>},
    Entry<Learner>{"logistic", "two classes: log-odds linear in the features", make<LogisticRegression>},
    Entry<Learner>{"softmax", "classes: multinomial logistic regression", make<SoftmaxRegression>},
    Entry<Learner>{"svm", "classes: multiclass hinge of Weston and Watkins, or its square", make<Svm>},
    Entry<Learner>{"perceptron", "classes: learns from mistakes; plain, pocket, averaged", make<Perceptron>},
    Entry<Learner>{"adaline", "classes: the rule of Widrow and Hoff", make<Adaline>},
    Entry<Learner>{"mlp", "classes or values: the multilayer perceptron", make<Mlp>},
    Entry<Learner>{"hierarchical_softmax", "thousands of classes: the leaves of a binary tree",
                   make<HierarchicalSoftmax>},
    Entry<Learner>{"tree", "classes or values: CART by gini, entropy or squared error", make<DecisionTree>},
    Entry<Learner>{"knn", "classes or values: the nearest examples", make<NearestNeighbours>},
    Entry<Learner>{"voting", "classes or values: the vote, or the mean, of several learners", make<Voting>},
    Entry<Learner>{"bagging", "classes or values: the same learner on rows drawn at random, averaged", make<Bagging>},
    Entry<Learner>{"random_forest", "bagging of trees that try some of the features at each split",
                   make<RandomForest, RandomForestOptions>},
    Entry<Learner>{"adaboost", "classes: each member looks at what those before it got wrong (SAMME)", make<AdaBoost>},
    Entry<Learner>{"gradient_boosting", "classes or values: each member learns the gradient that those before it left",
                   make<GradientBoosting>},
    Entry<Learner>{"stacking", "classes or values: a meta-model on what members say of rows held out", make<Stacking>},
    Entry<Learner>{"kmeans", "clusters around centres: Lloyd's algorithm from k-means++ starts", make<KMeans>},
    Entry<Learner>{"pca", "principal components: the directions of largest variance", make<Pca>},
};

}  // namespace

std::span<const Entry<Learner>> learner_table() { return kLearners; }

namespace {

/// {name: tree, depth: 3} as "tree depth=3", in YAML's braces where a value is more than a word.
std::string text_of_section(const recipe::Setting& section) {
  if (section.kind != recipe::Setting::Kind::map) return section.text;
  std::string text;
  for (const auto& [key, value] : section.fields) {
    if (value.kind != recipe::Setting::Kind::scalar || value.text.find_first_of(" ={}[],") != std::string::npos) {
      return section.json();
    }
    text = key == "name" ? value.text + text : text + " " + key + "=" + value.text;
  }
  return text;
}

/// Options that name a learner may be sections of their own; one without a name changes the default.
recipe::Setting with_learners_as_text(const recipe::Setting& section) {
  recipe::Setting flat = section;
  if (flat.kind != recipe::Setting::Kind::map) return flat;
  for (auto& [key, value] : flat.fields) {
    if (key == "members" && value.kind == recipe::Setting::Kind::list) {
      for (recipe::Setting& m : value.items) m = recipe::Setting::scalar(text_of_section(m), m.origin);
    }
    if ((key != "base" && key != "meta") || value.kind != recipe::Setting::Kind::map) continue;
    if (!value.find("name")) {
      recipe::FieldLister defaults;
      find_entry(learner_table(), recipe::name_of_section(section, "learner"), "learner").make(defaults);
      for (const auto& f : defaults.fields()) {
        if (f.name != key) continue;
        recipe::Setting whole = section_from_text(recipe::parse_yaml(f.value, value.origin).text, value.origin);
        for (const auto& [name, option] : value.fields) whole.field(name) = option;
        value = whole;
        break;
      }
    }
    value = recipe::Setting::scalar(text_of_section(value), value.origin);
  }
  return flat;
}

}  // namespace

recipe::Setting section_from_text(const std::string& text, const std::string& origin) {
  if (text.starts_with("{")) return recipe::parse_yaml(text, origin);
  std::istringstream words(text);
  recipe::Setting section;
  section.origin = origin;
  std::string word;
  if (words >> word) section.field("name") = recipe::Setting::scalar(word, origin);
  section.kind = recipe::Setting::Kind::map;
  while (words >> word) {
    if (word.find('=') == std::string::npos) {
      throw Error(origin, "expected NAME key=value …, got \"" + text + "\"").hint("for example \"tree depth=3\"");
    }
    recipe::apply_override(section, word);
  }
  return section;
}

std::unique_ptr<Learner> make_learner(const recipe::Setting& section) {
  return recipe::make_named(learner_table(), with_learners_as_text(section), "learner", nullptr);
}

std::unique_ptr<Learner> make_learner(const std::string& text) {
  return make_learner(section_from_text(text, "learner"));
}

}  // namespace lamina::learners
