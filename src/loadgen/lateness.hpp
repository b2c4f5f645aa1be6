#pragma once
#include "loadgen/histogram.hpp"

namespace mlib::loadgen {

/// By how many nanoseconds the percentile p of the gaps between events may be too long, because the client
/// was away when some came: those are stamped when it is back, and the gap before each is so much longer.
///
/// `looks` says how late the client looked at instants spread evenly over the run, beyond its median also how
/// late events were stamped. Taking their lateness away from the gaps makes the share of those above the
/// percentile smaller, and the true percentile is that of the gaps at the share that is left. Of a stall
/// longer than a gap only the first event of an answer has a longer one, the others came with it. The share
/// is taken twice: what a stall held back is read one after another, and a long gap is likelier to hold a
/// stall's end. Simulated, what is said lies between the true deviation and twice
/// it for stalls of about a gap's length, and up to four times it for ones ten times as long
/// (lateness_test.cpp).
double late_by(const Histogram& gaps, const Histogram& looks, double p);

}  // namespace mlib::loadgen
