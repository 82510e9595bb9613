// Around the README's data: a file of messages, and the batches that come of it.
#include <seqc/runtime/training/data/batches.h>
#include <seqc/runtime/training/data/split.h>
#include <seqc/runtime/training/data/text_files.h>
#include <seqc/runtime/training/data/tokens.h>
#include <seqc/runtime/training/data/vocabulary.h>

#include <fstream>

using namespace seqc;
using namespace seqc::training;

int main() {
  {
    std::ofstream file("sms.tsv");
    for (int i = 0; i < 50; ++i) file << "ham\tsee you at home at " << i << "\nspam\tyou won, call now\n";
  }
  // SNIPPET
  return train->size(0) > 0 ? 0 : 1;
}
