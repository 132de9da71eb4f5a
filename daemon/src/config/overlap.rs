//! Which of many ranges have something in common.

/// Pairs of ranges that overlap, by their positions, the later one first: every range that overlaps another is in a
/// pair, and there are fewer pairs than ranges. A range is its first and its last.
pub(super) fn overlaps<N: Ord + Copy>(ranges: impl IntoIterator<Item = (N, N)>) -> Vec<(usize, usize)> {
    let mut sorted: Vec<_> = ranges.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, (first, last))| (*first, *last));
    let mut found = Vec::new();
    let mut farthest: Option<(usize, N)> = None;
    for (index, (first, last)) in sorted {
        match farthest {
            Some((other, end)) if first <= end => {
                found.push((index.max(other), index.min(other)));
                if last > end {
                    farthest = Some((index, last));
                }
            }
            _ => farthest = Some((index, last)),
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_range_that_overlaps_another_is_in_a_pair(
            ranges in prop::collection::vec((0_u8..40, 0_u8..10), 0..12)
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(first, more)| (first, first + more)).collect();
            let pairs = overlaps(ranges.iter().copied());
            let meet = |one: usize, other: usize| {
                ranges[one].0 <= ranges[other].1 && ranges[other].0 <= ranges[one].1
            };
            for (one, other) in &pairs {
                prop_assert!(one > other && meet(*one, *other));
            }
            for one in 0..ranges.len() {
                let overlapping = (0..ranges.len()).any(|other| other != one && meet(one, other));
                let reported = pairs.iter().any(|(later, earlier)| *later == one || *earlier == one);
                prop_assert_eq!(overlapping, reported, "{} of {:?}: {:?}", one, ranges, pairs);
            }
        }
    }
}
