"""Losses and their gradients: tests/golden/losses.json. The keys are those of tests/nn/loss_test.cpp."""
import torch
import torch.nn.functional as F

from common import pack, save

torch.manual_seed(2)
records = {}


def add(key, loss, p, t):
    p = p.clone().requires_grad_()
    value = loss(p, t)
    (grad,) = torch.autograd.grad(value.sum(), p)
    records[key] = {"prediction": pack(p), "target": pack(t), "value": pack(value), "grad": pack(grad)}


a, b = 2 * torch.randn(4, 3), 2 * torch.randn(4, 3)
add("mse", F.mse_loss, a, b)
add("mse/sum", lambda p, t: F.mse_loss(p, t, reduction="sum"), a, b)
add("mse/none", lambda p, t: F.mse_loss(p, t, reduction="none"), a, b)
add("mae", F.l1_loss, a, b)
add("huber", F.huber_loss, a, b)
add("huber/delta", lambda p, t: F.huber_loss(p, t, delta=0.4), a, b)
add("smooth_l1", F.smooth_l1_loss, a, b)
add("smooth_l1/beta", lambda p, t: F.smooth_l1_loss(p, t, beta=0.4), a, b)
q, soft = torch.rand(4, 3), torch.rand(4, 3)
add("bce", F.binary_cross_entropy, q, soft)
bits = torch.randint(0, 2, (4, 3)).to(torch.float64)
add("bce_with_logits", F.binary_cross_entropy_with_logits, 3 * a, soft)
weight = torch.tensor([0.5, 2, 3])
add("bce_with_logits/pos_weight", lambda p, t: F.binary_cross_entropy_with_logits(p, t, pos_weight=weight), a, bits)

z, ids = 2 * torch.randn(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
w = torch.tensor([0.5, 1, 2, 0.25])
skipped = torch.tensor([0, 3, -100, 1, 2, -100])
images, pixels = 2 * torch.randn(2, 4, 3, 2), torch.randint(0, 4, (2, 3, 2))
add("cross_entropy", F.cross_entropy, z, ids)
add("cross_entropy/sum", lambda p, t: F.cross_entropy(p, t, reduction="sum"), z, ids)
add("cross_entropy/none", lambda p, t: F.cross_entropy(p, t, reduction="none"), images, pixels)
add("cross_entropy/class weights", lambda p, t: F.cross_entropy(p, t, weight=w), z, ids)
add("cross_entropy/ignored", F.cross_entropy, z, skipped)
add("cross_entropy/ignore index 1", lambda p, t: F.cross_entropy(p, t, ignore_index=1, weight=w), z, ids)
add("cross_entropy/smoothing", lambda p, t: F.cross_entropy(p, t, label_smoothing=0.1), z, ids)
everything = dict(label_smoothing=0.2, weight=w)
add("cross_entropy/everything", lambda p, t: F.cross_entropy(p, t, **everything), z, skipped)
add("cross_entropy/images", F.cross_entropy, images, pixels)
add("cross_entropy/images, everything", lambda p, t: F.cross_entropy(p, t, **everything), images, pixels)
mixture = torch.softmax(torch.randn(6, 4), 1)
add("cross_entropy/probabilities", F.cross_entropy, z, mixture)
add("cross_entropy/probabilities, everything", lambda p, t: F.cross_entropy(p, t, **everything), z, mixture)
add("cross_entropy/image probabilities", F.cross_entropy, images, torch.softmax(torch.randn(2, 4, 3, 2), 1))
logp = F.log_softmax(z, 1)
add("nll", F.nll_loss, logp, ids)
add("nll/everything", lambda p, t: F.nll_loss(p, t, weight=w), logp, skipped)
add("kl_div", lambda p, t: F.kl_div(p, t, reduction="batchmean"), logp, mixture)
add("kl_div/all elements", lambda p, t: F.kl_div(p, t, reduction="mean"), logp, mixture)
add("kl_div/log target", lambda p, t: F.kl_div(p, t, reduction="batchmean", log_target=True), logp, mixture.log())

signs = 2 * bits - 1
# PyTorch has no hinge loss of this form; its hinge_embedding_loss gives the same for target −1 and 1 − t·p as input.
margin = lambda p, t: F.hinge_embedding_loss(t * p, -torch.ones_like(p), margin=1.0)
add("hinge", margin, a, signs)
add("squared_hinge", lambda p, t: F.hinge_embedding_loss(t * p, -torch.ones_like(p), reduction="none").square().mean(), a, signs)
# PyTorch divides by the number of classes.
add("multiclass_hinge", lambda p, t: 4 * F.multi_margin_loss(p, t), z, ids)
add("squared_multiclass_hinge", lambda p, t: 4 * F.multi_margin_loss(p, t, p=2), z, ids)
pairs, same = torch.randn(6, 2, 5), torch.tensor([1, -1, 1, 1, -1, -1])
add("cosine_embedding", lambda p, t: F.cosine_embedding_loss(p[:, 0], p[:, 1], t), pairs, same)
add("cosine_embedding/margin", lambda p, t: F.cosine_embedding_loss(p[:, 0], p[:, 1], t, margin=0.2), pairs, same)
triples, unused = torch.randn(6, 3, 5), torch.zeros(6)
add("triplet", lambda p, t: F.triplet_margin_loss(p[:, 0], p[:, 1], p[:, 2]), triples, unused)


def focal(p, t, alpha=0.25, gamma=2.0):
    """torchvision.ops.sigmoid_focal_loss with reduction="mean"."""
    s = torch.sigmoid(p)
    ce = F.binary_cross_entropy_with_logits(p, t, reduction="none")
    p_t = s * t + (1 - s) * (1 - t)
    loss = ce * (1 - p_t) ** gamma
    if alpha >= 0:
        loss = (alpha * t + (1 - alpha) * (1 - t)) * loss
    return loss.mean()


add("focal", focal, a, bits)
add("focal/gamma", lambda p, t: focal(p, t, alpha=-1, gamma=1.5), a, bits)
save("losses.json", records)
