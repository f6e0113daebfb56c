// GoogLeNet, in two forms. As published: Szegedy et al., "Going deeper with convolutions", 2015, table 1: local
// response normalization, 5×5 branches, two auxiliary classifiers (initial values as in Caffe's model). With batch
// norm: as torchvision has it, whose third branch is 3×3. Names and shapes of the parameters are torchvision's.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/auxiliary.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/linear.h"

namespace lamina::models {

struct GooglenetOptions {
  int64_t channels = 3;
  int64_t height = 224, width = 224;
  int64_t classes = 1000;
  bool published = false;
  bool auxiliary = false;         // the two classifiers at inner layers
  double auxiliary_weight = 0.3;  // of each one's loss
  int64_t filters = 64;           // of the first convolution; all others in proportion
  double dropout = 0.2;           // before the last layer. As published: 0.4
  double auxiliary_dropout = 0.7;
  LAMINA_OPTIONS(channels, height, width, classes, published, auxiliary, auxiliary_weight, filters, dropout,
                 auxiliary_dropout)
};

/// [n, channels, h, w] → [n, classes]; with batch norm 6,624,904 parameters without the auxiliary classifiers.
class Googlenet final : public nn::AuxiliaryLayer {
 public:
  explicit Googlenet(const GooglenetOptions& options);
  LAMINA_FIELDS(conv1_, maxpool1_, conv2_, conv3_, maxpool2_, inception3a_, inception3b_, maxpool3_, inception4a_,
                inception4b_, inception4c_, inception4d_, inception4e_, maxpool4_, inception5a_, inception5b_, aux1_,
                aux2_, avgpool_, dropout_, fc_)

 protected:
  nn::Outputs forward_all(const Tensor& x) override;

 private:
  bool auxiliary_;
  double auxiliary_weight_;
  nn::AnyLayer conv1_, maxpool1_, conv2_, conv3_, maxpool2_;
  nn::AnyLayer inception3a_, inception3b_, maxpool3_;
  nn::AnyLayer inception4a_, inception4b_, inception4c_, inception4d_, inception4e_, maxpool4_;
  nn::AnyLayer inception5a_, inception5b_;
  nn::AnyLayer aux1_, aux2_;
  nn::AnyLayer avgpool_, dropout_, fc_;
};

nn::LayerPtr make_googlenet(FieldVisitor& visitor, const ModelInput& data);
nn::LayerPtr make_googlenet_published(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
