#include <array>
#include <sstream>

#include "lamina/core/error.h"
#include "lamina/learners/kmeans.h"
#include "lamina/learners/learner.h"
#include "lamina/learners/linear.h"
#include "lamina/learners/linear_classifiers.h"
#include "lamina/learners/pca.h"
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
    Entry<Learner>{"kmeans", "clusters around centres: Lloyd's algorithm from k-means++ starts", make<KMeans>},
    Entry<Learner>{"pca", "principal components: the directions of largest variance", make<Pca>},
};

}  // namespace

std::span<const Entry<Learner>> learner_table() { return kLearners; }

recipe::Setting section_from_text(const std::string& text, const std::string& origin) {
  std::istringstream words(text);
  recipe::Setting section;
  section.origin = origin;
  std::string word;
  if (words >> word) section.field("name") = recipe::Setting::scalar(word, origin);
  section.kind = recipe::Setting::Kind::map;
  while (words >> word) {
    if (word.find('=') == std::string::npos) {
      throw Error(origin, "expected NAME key=value …, got \"" + text + "\"").hint("for example \"tree max_depth=3\"");
    }
    recipe::apply_override(section, word);
  }
  return section;
}

std::unique_ptr<Learner> make_learner(const recipe::Setting& section) {
  return recipe::make_named(learner_table(), section, "learner", nullptr);
}

std::unique_ptr<Learner> make_learner(const std::string& text) {
  return make_learner(section_from_text(text, "learner"));
}

}  // namespace lamina::learners
