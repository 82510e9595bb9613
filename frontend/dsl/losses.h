/// Losses and metrics: what training makes small, and what people look at. All give one number, [], in the element type of
/// the predictions; predictions come first, then what they should be.
///
/// `weights` broadcast against the losses of single elements or steps and scale each; the mean is over the sum of the
/// weights, so that a mask of 0 and 1 leaves out what it covers. Where nothing counts, the loss is 0. Absent: all 1.
#pragma once

#include "frontend/dsl/var.h"

namespace seqc::dsl {

/// Mean of -log softmax(logits)[label]: logits[..., C], labels[...] integers in [0, C), weights like the labels. Labels
/// outside that range count as weight 0; trainers refuse them where weights, if given, are not 0.
Var softmax_cross_entropy(const Var& logits, const Var& labels, const Var& weights = {});
/// The same with a distribution over classes for each row: logits[..., C], targets[..., C], weights[...].
Var softmax_cross_entropy_dense(const Var& logits, const Var& targets, const Var& weights = {});
/// Mean of -t log s - (1-t) log(1-s), s = sigmoid(logits): of one shape, without overflow for any logits.
Var sigmoid_cross_entropy(const Var& logits, const Var& targets, const Var& weights = {});
/// Mean of (x - t)^2.
Var mean_squared_error(const Var& x, const Var& targets, const Var& weights = {});
/// Mean of d^2/2 where |d| <= delta, else delta (|d| - delta/2), d = x - t (Huber 1964).
Var huber(const Var& x, const Var& targets, double delta = 1, const Var& weights = {});

/// 1 for the valid steps of each row, else 0: lengths[N] -> [steps, N], in the element type of `like`.
Var step_mask(const Var& lengths, const ir::Dim& steps, const Var& like);
/// softmax_cross_entropy of sequences: logits[T, N, C], labels[T, N]; steps from lengths[n] on are left out.
Var sequence_cross_entropy(const Var& logits, const Var& labels, const Var& lengths = {}, const Var& weights = {});

/// amount * sum of |x| over all elements of all parameters: to be added to a loss.
Var l1(const Vars& parameters, double amount);
/// amount/2 * sum of x^2, whose gradient is amount * x.
Var l2(const Vars& parameters, double amount);

/// Share of rows whose largest logit is the label's (the first, if several are): logits[..., C], labels[...].
Var accuracy(const Var& logits, const Var& labels, const Var& weights = {});
/// Share of elements on the right side: a logit above 0 where the target is above 1/2, else not; of one shape.
Var binary_accuracy(const Var& logits, const Var& targets, const Var& weights = {});
/// e^(mean cross entropy): of how many equally likely classes the model seems to choose.
Var perplexity(const Var& cross_entropy);
/// Square root of the mean squared error.
Var root_mean_squared_error(const Var& x, const Var& targets, const Var& weights = {});

}  // namespace seqc::dsl
