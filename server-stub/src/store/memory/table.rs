//! A table whose changes can be taken back: a change set that does not apply leaves nothing behind, and one that does
//! costs what it changes, however large the tables are.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Rows by key.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// Rows as they were before each change since the last [`Undo::keep`].
    before: Vec<(K, Option<V>)>,
}

/// What ends a transaction, one way or the other.
pub trait Undo {
    /// What was changed stays.
    fn keep(&mut self);
    /// What was changed is as it was.
    fn undo(&mut self);
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// The row of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.rows.get(key)
    }

    /// Whether there is a row.
    pub fn holds<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.rows.contains_key(key)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The rows of a range of keys.
    pub fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(keys)
    }

    /// All rows, by key, without the keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    /// Puts a row, whether there was one or not.
    pub fn put(&mut self, key: K, row: V) {
        let before = self.rows.insert(key.clone(), row);
        self.before.push((key, before));
    }

    /// Puts a row where there is none; says whether it did.
    pub fn insert(&mut self, key: K, row: V) -> bool {
        let free = !self.holds(&key);
        if free {
            self.put(key, row);
        }
        free
    }

    /// A row to change.
    pub fn change(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        self.before.push((key.clone(), Some(row.clone())));
        Some(row)
    }

    /// A row to change; a new one if there is none.
    pub fn change_or(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.before.push((key.clone(), self.rows.get(&key).cloned()));
        self.rows.entry(key).or_insert_with(new)
    }

    /// Removes a row; says whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(before) = self.rows.remove(key) else { return false };
        self.before.push((key.clone(), Some(before)));
        true
    }
}

impl<K: Ord, V> Undo for Table<K, V> {
    fn keep(&mut self) {
        self.before.clear();
    }

    fn undo(&mut self) {
        while let Some((key, before)) = self.before.pop() {
            match before {
                Some(row) => drop(self.rows.insert(key, row)),
                None => drop(self.rows.remove(&key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_kept_is_as_it_was() {
        let mut table = Table::default();
        assert!(table.insert(1, "one"));
        table.put(2, "two");
        table.keep();
        table.put(1, "uno");
        *table.change(&1).expect("a row") = "eins";
        assert!(table.remove(&2) && !table.remove(&2) && !table.insert(1, "un"));
        *table.change_or(3, || "three") = "drei";
        table.undo();
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &"one"), (&2, &"two")]);
    }
}
