//! A sorted set that is small nearly always: a thousand links have each some, and a node of a tree takes as much as
//! eleven of them.

/// A set of mostly a handful.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Few<T> {
    /// Takes an item in; tells whether it is new.
    pub fn insert(&mut self, item: T) -> bool {
        match self.0.binary_search(&item) {
            Ok(_) => false,
            Err(place) => {
                if self.0.len() < 4 {
                    self.0.reserve_exact(1);
                }
                self.0.insert(place, item);
                true
            }
        }
    }

    /// Takes an item out; tells whether it was there.
    pub fn remove(&mut self, item: &T) -> bool {
        let place = self.0.binary_search(item);
        place.map(|place| self.0.remove(place)).is_ok()
    }

    /// True when the item is in it.
    pub fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    /// Keeps only the items that `keep` is true of.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its items, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: Ord> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.insert(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn it_is_a_sorted_set() {
        let (mut few, mut set) = (Few::default(), BTreeSet::new());
        for step in 0..2000_u32 {
            let item = step.wrapping_mul(2_654_435_761) >> 28;
            if step % 3 == 0 {
                assert_eq!(few.remove(&item), set.remove(&item));
            } else {
                assert_eq!(few.insert(item), set.insert(item));
            }
            assert_eq!(few.contains(&item), set.contains(&item));
            assert!(few.iter().eq(&set));
            assert_eq!((few.len(), few.is_empty()), (set.len(), set.is_empty()));
        }
        few.extend([40, 30, 40]);
        few.retain(|item| *item >= 30);
        assert!(few.iter().eq(&[30, 40]));
        few.clear();
        assert!(few.is_empty());
    }
}
