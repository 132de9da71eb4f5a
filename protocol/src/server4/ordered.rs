//! An ordered set of numbers that costs little more than the numbers.

/// Numbers in one chunk at most: moving half of them is cheaper than finding them.
const CHUNK: usize = 256;

/// Sorted numbers in sorted chunks. `BTreeSet` takes twice the memory when numbers come in ascending order, as ends of
/// leases do, and addresses when a journal is read.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    /// None of them is empty.
    chunks: Vec<Vec<u64>>,
}

impl Ordered {
    /// Where the chunk is that holds `number`, or would.
    fn chunk_of(&self, number: u64) -> usize {
        self.chunks
            .partition_point(|chunk| chunk.first().is_some_and(|first| *first <= number))
            .saturating_sub(1)
    }

    /// False if it was there before.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let at = self.chunk_of(number);
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(begin(&[number]));
            return true;
        };
        let Err(place) = chunk.binary_search(&number) else { return false };
        if chunk.len() < CHUNK {
            chunk.insert(place, number);
            return true;
        }
        // Behind the last number a new chunk begins, so that numbers in ascending order fill each.
        if place == chunk.len() {
            self.chunks.insert(at.saturating_add(1), begin(&[number]));
            return true;
        }
        let half = begin(chunk.get(CHUNK / 2..).unwrap_or_default());
        chunk.truncate(CHUNK / 2);
        self.chunks.insert(at.saturating_add(1), half);
        self.insert(number)
    }

    /// False if it was not there.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let at = self.chunk_of(number);
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        let Ok(place) = chunk.binary_search(&number) else { return false };
        chunk.remove(place);
        let left = chunk.len();
        let next = self.chunks.get(at.saturating_add(1)).map_or(CHUNK, Vec::len);
        if left == 0 {
            self.chunks.remove(at);
        } else if left.saturating_add(next) <= CHUNK / 2 {
            let next = self.chunks.remove(at.saturating_add(1));
            if let Some(chunk) = self.chunks.get_mut(at) {
                chunk.extend(next);
            }
        }
        true
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.chunks.first().and_then(|chunk| chunk.first()).copied()
    }

    /// In ascending order, all that are not below `from`.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = u64> {
        let chunks = self.chunks.get(self.chunk_of(from)..).unwrap_or_default();
        let start = chunks.first().map_or(0, |chunk| chunk.partition_point(|number| *number < from));
        chunks.iter().flatten().skip(start).copied()
    }
}

fn begin(numbers: &[u64]) -> Vec<u64> {
    let mut chunk = Vec::with_capacity(CHUNK);
    chunk.extend_from_slice(numbers);
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_in_ascending_order_fill_their_chunks() {
        let mut set = Ordered::default();
        (0..10_000).for_each(|number| assert!(set.insert(number)));
        assert_eq!(set.chunks.len(), 10_000_usize.div_ceil(CHUNK));
        (0..9_990).for_each(|number| assert!(set.remove(number)));
        assert_eq!((set.chunks.len(), set.first()), (1, Some(9_990)));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_would(
            steps in proptest::collection::vec((0_u64..2_000, 0_u64..400, any::<bool>(), any::<bool>()), 0..60),
        ) {
            let (mut set, mut plain) = (Ordered::default(), BTreeSet::new());
            for (start, count, put, downwards) in steps {
                for n in 0..count {
                    let number = if downwards { start + 7 * (count - n) } else { start + 7 * n };
                    if put {
                        prop_assert_eq!(set.insert(number), plain.insert(number));
                    } else {
                        prop_assert_eq!(set.remove(number), plain.remove(&number));
                    }
                }
                prop_assert_eq!(set.first(), plain.first().copied());
                prop_assert!(set.from(start).eq(plain.range(start..).copied()));
            }
        }
    }
}
