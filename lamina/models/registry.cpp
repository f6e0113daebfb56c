#include "lamina/models/registry.h"

#include "lamina/core/error.h"
#include "lamina/models/alexnet.h"
#include "lamina/models/all_cnn.h"
#include "lamina/models/cae.h"
#include "lamina/models/googlenet.h"
#include "lamina/models/lenet5.h"
#include "lamina/models/linear.h"
#include "lamina/models/mlp.h"
#include "lamina/models/resnet.h"
#include "lamina/models/resnet_cifar.h"
#include "lamina/models/small_cnn.h"
#include "lamina/models/super_resolution.h"
#include "lamina/models/unet.h"
#include "lamina/models/vgg.h"
#include "lamina/models/zfnet.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/summary.h"
#include "lamina/recipe/resolver.h"

namespace lamina::models {

using recipe::Setting;

namespace {

// One entry per published depth: what they share is a function of the depth.
template <int64_t depth>
nn::LayerPtr resnet(FieldVisitor& visitor, const ModelInput& data) {
  return make_resnet(visitor, data, depth);
}
template <int64_t depth>
nn::LayerPtr resnet_cifar(FieldVisitor& visitor, const ModelInput& data) {
  return make_resnet_cifar(visitor, data, depth);
}
template <int64_t depth, bool batch_norm>
nn::LayerPtr vgg(FieldVisitor& visitor, const ModelInput& data) {
  return make_vgg(visitor, data, depth, batch_norm);
}

}  // namespace

std::span<const Entry<nn::Layer, ModelInput>> model_table() {
  static constexpr Entry<nn::Layer, ModelInput> kTable[] = {
      {"softmax_regression", "one linear layer; its softmax are the class probabilities", make_linear_model},
      {"linear", "the same by another name, for regression", make_linear_model},
      {"mlp", "multilayer perceptron", make_mlp},
      {"lenet5", "LeNet-5 (LeCun et al. 1998), in today's form", make_lenet5},
      {"lenet5_published", "LeNet-5 with partial connections, sub-sampling layers and RBF output",
       make_lenet5_published},
      {"small_cnn", "blocks of 3×3 convolutions and pooling, for small images", make_small_cnn},
      {"all_cnn", "All-CNN-C, convolutions alone, for small images (Springenberg et al. 2015)", make_all_cnn},
      {"alexnet", "AlexNet in one column, as torchvision has it (Krizhevsky 2014)", make_alexnet},
      {"alexnet_published", "AlexNet with two groups and response norm (Krizhevsky et al. 2012)",
       make_alexnet_published},
      {"zfnet", "ZFNet (Zeiler and Fergus 2014)", make_zfnet},
      {"googlenet", "GoogLeNet with batch norm, as torchvision has it (Szegedy et al. 2015)", make_googlenet},
      {"googlenet_published", "GoogLeNet with response norm and two auxiliary classifiers", make_googlenet_published},
      {"vgg11", "VGG-11 (Simonyan and Zisserman 2015)", vgg<11, false>},
      {"vgg13", "VGG-13", vgg<13, false>},
      {"vgg16", "VGG-16", vgg<16, false>},
      {"vgg19", "VGG-19", vgg<19, false>},
      {"vgg11_bn", "VGG-11 with batch norm", vgg<11, true>},
      {"vgg13_bn", "VGG-13 with batch norm", vgg<13, true>},
      {"vgg16_bn", "VGG-16 with batch norm", vgg<16, true>},
      {"vgg19_bn", "VGG-19 with batch norm", vgg<19, true>},
      {"resnet18", "ResNet-18 (He et al. 2016)", resnet<18>},
      {"resnet34", "ResNet-34", resnet<34>},
      {"resnet50", "ResNet-50", resnet<50>},
      {"resnet101", "ResNet-101", resnet<101>},
      {"resnet152", "ResNet-152", resnet<152>},
      {"resnet_cifar", "ResNet-20 to -110 for 32×32 images, by the option depth (He et al. 2016)", resnet_cifar<20>},
      {"resnet20", "the same of depth 20", resnet_cifar<20>},
      {"resnet32", "of depth 32", resnet_cifar<32>},
      {"resnet44", "of depth 44", resnet_cifar<44>},
      {"resnet56", "of depth 56", resnet_cifar<56>},
      {"resnet110", "of depth 110", resnet_cifar<110>},
      {"cae", "convolutional autoencoder: image to image through a code (Masci et al. 2011)", make_cae},
      {"unet", "U-Net: classes or values per pixel (Ronneberger et al. 2015)", make_unet},
      {"super_resolution", "enlarges images, by sub-pixel or transposed convolution (Shi et al. 2016)",
       make_super_resolution},
  };
  return kTable;
}

Shape output_shape(const nn::Layer& net, const Shape& input, DType dtype) {
  Shape batch = input;
  batch.insert(0, 1);
  Shape out = nn::summary(net, batch, dtype).rows.front().output;
  out.erase(0);
  return out;
}

namespace {

nn::LayerPtr make_list(const Setting& list, ModelInput& input);

/// "{linear: 10}" is short for "{linear: {out: 10}}": the first option that is not what comes in.
Setting long_form(const Entry<nn::Layer, ModelInput>& entry, const Setting& value, const ModelInput& input) {
  if (value.kind == Setting::Kind::map || !value.defined()) return recipe::options_of_section(value);
  recipe::FieldLister lister;
  try {
    entry.make(lister, input);
  } catch (const Error&) {
    // Only the names are wanted; what is missing is said when the layer is made.
  }
  Setting map;
  map.origin = value.origin;
  for (const auto& field : lister.fields()) {
    if (field.name == "in") continue;
    map.field(field.name) = value;
    return map;
  }
  recipe::fail(value, entry.name, "no value: it has no options");
}

nn::LayerPtr make_residual(const Setting& value, ModelInput& input) {
  const bool plain = value.kind == Setting::Kind::list;
  const Setting* body = plain ? &value : value.find("body");
  if (!body) recipe::fail(value, "residual", "a list of layers, or {body: [layers], shortcut: [layers]}");
  ModelInput through = input;
  nn::LayerPtr made = make_list(*body, through);
  const Setting* shortcut = plain ? nullptr : value.find("shortcut");
  ModelInput around = input;
  nn::AnyLayer other;
  if (shortcut) other = nn::AnyLayer(make_list(*shortcut, around));
  if (around.input != through.input) {
    throw Error(value.origin, "residual: the body makes " + input.input.str() + " into " + through.input.str() +
                                  ", its shortcut into " + around.input.str());
  }
  input = through;
  return std::make_unique<nn::Residual>(nn::AnyLayer(std::move(made)), std::move(other));
}

nn::LayerPtr make_branches(const Setting& value, const ModelInput& input) {
  if (value.kind != Setting::Kind::list || value.items.size() < 2) {
    recipe::fail(value, "branches", "at least two lists of layers");
  }
  std::vector<nn::AnyLayer> branches;
  for (const Setting& item : value.items) {
    ModelInput branch = input;
    branches.emplace_back(make_list(item, branch));
  }
  return std::make_unique<nn::Branches>(std::move(branches));
}

/// The words that stand for layers of layers.
constexpr std::string_view kCombinators[] = {"residual", "branches", "sequential"};

nn::LayerPtr make_layer(const std::string& name, const Setting& at, const Setting& value, const ModelInput& input) {
  ModelInput before = input;
  if (name == "residual") return make_residual(value, before);
  if (name == "branches") return make_branches(value, before);
  if (name == "sequential") return make_list(value, before);
  for (const auto& entry : layer_table()) {
    if (entry.name != name) continue;
    const Setting options = long_form(entry, value, input);
    recipe::OptionReader reader(options, name);
    nn::LayerPtr layer;
    try {
      layer = entry.make(reader, input);
    } catch (const Error&) {
      reader.finish_after_error();
      throw;
    }
    reader.finish();
    return layer;
  }
  NameList names;
  for (const auto& entry : layer_table()) names.add(entry.name);
  for (const std::string_view word : kCombinators) names.add(word);
  recipe::fail_unknown(at, "layer", name, names);
}

/// A layer is a word, or a map of one key: its name, and a value or a map of options.
std::pair<std::string, Setting> name_and_value(const Setting& item) {
  if (item.kind == Setting::Kind::scalar) {
    Setting nothing;
    nothing.origin = item.origin;
    return {item.text, nothing};
  }
  if (item.kind != Setting::Kind::map || item.fields.size() != 1) {
    recipe::fail(item, "layer", "a name (relu), or one name with its options ({conv2d: {out: 32, kernel: 3}})");
  }
  return item.fields.front();
}

/// Makes the layers; `input` becomes what the last one puts out.
nn::LayerPtr make_list(const Setting& list, ModelInput& input) {
  if (list.kind != Setting::Kind::list || list.items.empty()) recipe::fail(list, "layers", "a list of layers");
  auto net = std::make_unique<nn::Sequential>();
  for (size_t i = 0; i < list.items.size(); ++i) {
    const Setting& item = list.items[i];
    const auto [name, value] = name_and_value(item);
    const std::string title = "layer " + std::to_string(i) + " (" + name + ")";
    const auto make = [&] {
      nn::LayerPtr layer = make_layer(name, item, value, input);
      input.input = output_shape(*layer, input.input, input.dtype);
      input.dtype = DType::f32;
      net->add(nn::AnyLayer(std::move(layer)));
    };
    recipe::with_place(item, make, title);
  }
  return net;
}

/// Throws where the network does not fit the data.
void check_fit(const nn::Layer& net, const Setting& model, const ModelInput& input) {
  if (input.input.empty()) return;
  recipe::with_place(model, [&] {
    const Shape out = output_shape(net, input.input, input.dtype);
    if (input.outputs > 0 && (out.empty() || out[0] != input.outputs)) {
      throw Error("model",
                  "the data needs " + std::to_string(input.outputs) + " outputs, the network gives " + out.str())
          .hint("leave \"classes\" (or the last layer's \"out\") away: the data says how many there are");
    }
  });
}

}  // namespace

nn::LayerPtr make_model(const Setting& model, const ModelInput& input, Setting* resolved) {
  nn::LayerPtr net;
  if (const Setting* layers = model.find("layers")) {
    for (const auto& [key, value] : model.fields) {
      if (key != "layers") throw Error(value.origin, "model: \"" + key + "\" and \"layers\" exclude each other");
    }
    if (input.input.empty()) throw Error(layers->origin, "a list of layers needs data: it says what comes in");
    ModelInput at = input;
    net = make_list(*layers, at);
    if (resolved) *resolved = model;
  } else {
    net = recipe::make_named(model_table(), model, "model", resolved, input);
  }
  check_fit(*net, model, input);
  return net;
}

}  // namespace lamina::models
