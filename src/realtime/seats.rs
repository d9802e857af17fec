//! How many connections each user has, over all transports.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::domain::UserId;

/// The connections of this process, by user.
#[derive(Clone, Debug, Default)]
pub struct Seats(Arc<Mutex<HashMap<UserId, u32>>>);

/// A connection's place among its user's. Dropped, it is free again.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    user: UserId,
}

impl Seats {
    /// A seat for one more connection of the user's; none if there are `most` already.
    pub fn take(&self, user: UserId, most: u32) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(user).or_insert(0);
        if *count >= most {
            // An entry that stands at 0 is nobody's.
            if *count == 0 {
                taken.remove(&user);
            }
            return None;
        }
        *count += 1;
        Some(Seat { seats: self.clone(), user })
    }
}

impl Seat {
    /// Whose it is.
    pub fn user(&self) -> UserId {
        self.user
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_connection_is_gone() {
        let (seats, ann, bert) = (Seats::default(), UserId::new(), UserId::new());
        let first = seats.take(ann, 2).expect("free");
        let _second = seats.take(ann, 2).expect("free");
        assert!(seats.take(ann, 2).is_none());
        assert!(seats.take(bert, 2).is_some(), "another user's are their own");
        drop(first);
        assert!(seats.take(ann, 2).is_some());
        assert!(seats.take(bert, 0).is_none());
        assert_eq!(seats.0.lock().expect("unpoisoned").len(), 1, "nothing is kept of who has left");
    }
}
