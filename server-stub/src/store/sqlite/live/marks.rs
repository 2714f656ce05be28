//! Used indexes of a session. Most are used in order, so runs of them are kept.

use protocol::value::Index;
use smallvec::SmallVec;

/// What a session's index was used for; the one does not touch the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A payment was collected from it.
    Paid(Index),
    /// A collection into it was answered.
    Answered(Index),
}

/// First and last of a run.
type Run = (u32, u32);

/// A set of marks, in order. One run of each kind needs no room elsewhere; each further one has cost a payment.
#[derive(Debug, Default)]
pub struct Marks(SmallVec<[Run; 2]>);

/// Where the marks of answers begin: no run goes from the last payment to the first answer.
const ANSWERS: u32 = 1 << 17;

impl Mark {
    fn place(self) -> u32 {
        match self {
            Self::Paid(index) => index.get().into(),
            Self::Answered(index) => ANSWERS + u32::from(index.get()),
        }
    }
}

impl Marks {
    /// Whether a mark is among them.
    pub fn holds(&self, mark: Mark) -> bool {
        let place = mark.place();
        self.0.get(self.after(place)).is_some_and(|(first, _)| *first <= place)
    }

    /// Adds a mark.
    pub fn insert(&mut self, mark: Mark) {
        if self.holds(mark) {
            return;
        }
        let (place, n) = (mark.place(), self.after(mark.place()));
        let follows = n > 0 && self.0[n - 1].1 + 1 == place;
        let precedes = self.0.get(n).is_some_and(|(first, _)| *first == place + 1);
        match (follows, precedes) {
            (true, true) => self.0[n - 1].1 = self.0.remove(n).1,
            (true, false) => self.0[n - 1].1 = place,
            (false, true) => self.0[n].0 = place,
            (false, false) => self.0.insert(n, (place, place)),
        }
    }

    /// The first run that does not end before a place.
    fn after(&self, place: u32) -> usize {
        self.0.partition_point(|(_, last)| *last < place)
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<T: IntoIterator<Item = Mark>>(marks: T) -> Self {
        let mut all = Self::default();
        marks.into_iter().for_each(|mark| all.insert(mark));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn mark(place: (bool, u16)) -> Mark {
        let index = Index::of(place.1.into()).expect("an index");
        if place.0 { Mark::Paid(index) } else { Mark::Answered(index) }
    }

    #[test]
    fn marks_in_order_are_one_run_of_each_kind() {
        let places = (1..=300).chain([u16::MAX]).flat_map(|index| [(true, index), (false, index)]);
        let marks: Marks = places.map(mark).collect();
        let last = u32::from(u16::MAX);
        assert_eq!(
            marks.0[..],
            [(1, 300), (last, last), (ANSWERS + 1, ANSWERS + 300), (ANSWERS + last, ANSWERS + last)]
        );
    }

    proptest! {
        #[test]
        fn marks_are_a_set(places in prop::collection::vec((any::<bool>(), 1_u16..40), 0..80)) {
            let marks: Marks = places.iter().copied().map(mark).collect();
            let set: BTreeSet<_> = places.into_iter().collect();
            for place in (1..40).flat_map(|index| [(true, index), (false, index)]) {
                prop_assert_eq!(marks.holds(mark(place)), set.contains(&place), "{:?}", place);
            }
            let apart = |(before, after): (&Run, &Run)| before.1 + 1 < after.0;
            prop_assert!(marks.0.iter().zip(marks.0.iter().skip(1)).all(apart), "{marks:?}");
        }
    }
}
