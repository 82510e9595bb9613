/// Texts with labels: short messages and film reviews, from their files or made up here.
#pragma once

#include <string>

#include "runtime/training/data/text_files.h"

namespace seqc::examples {

/// Messages of the classes ham and spam: the SMS Spam Collection (sms.tsv or SMSSpamCollection in that folder), or without
/// a folder 1,500 that are made up, of which every fifth is spam; it uses words that the others use, too.
training::LabelledTexts load_messages(const std::string& folder);

/// Reviews of the classes negative and positive.
struct Reviews {
  training::LabelledTexts train, validation, test;
};

/// The Large Movie Review Dataset (IMDb) in that folder: train.tsv.gz and test.tsv.gz with columns split (of train: train
/// or val), label (0, 1) and text; or the folders train/pos, train/neg, test/pos and test/neg of the original, of whose
/// reviews for training a fifth becomes the validation set. Without a folder 1,800, 300 and 300 reviews that are made up:
/// some sentences in which films and what belongs to them are praised or not, with negations, so that words alone mislead.
Reviews load_reviews(const std::string& folder);

}  // namespace seqc::examples
