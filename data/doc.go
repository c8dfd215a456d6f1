// Package data holds data sets, how they are split between participants, the order in
// which a participant draws its batches, and task metrics.
//
// A data set of images is opened by name ([Open]); one of text by name, with the tokenizer
// of the model and the [Rules] of what is cut and what is learnt ([OpenText]). It is cut into
// parts by views that copy nothing ([ByLabel], [ByCategory], [Shuffled], [Split], [Head]), and
// drawn from in the order of a [Sampler]. Nothing here knows who reads the data, or touches a
// network.
package data
