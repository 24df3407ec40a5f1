//! A semaphore: a bound for how many connections are served at the same time.
//!
//! A *semaphore* has a number of permits. Each connection takes one, and gives it back at its end.
//! A *mutex* lets one thread at a time use the list of permits that are taken. On a *condition
//! variable*, a thread sleeps until the list changes.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A semaphore. A clone is a handle to the same one.
#[derive(Clone)]
pub struct Permits(Arc<Shared>);

/// What the handles share.
struct Shared {
    max: usize,
    /// The address of the client for each permit that is taken.
    taken: Mutex<Vec<IpAddr>>,
    returned: Condvar,
}

/// A permit. It is given back when it goes out of scope.
pub struct Permit {
    permits: Permits,
    client: IpAddr,
}

impl Permits {
    /// Makes a semaphore with `max` permits.
    pub fn new(max: usize) -> Permits {
        Permits(Arc::new(Shared { max, taken: Mutex::default(), returned: Condvar::new() }))
    }

    /// Takes a permit for a connection of `client`, or returns `None` if there is none. Of 8 or
    /// more permits, one address can take seven eighths, so that some are left for others.
    pub fn try_acquire(&self, client: IpAddr) -> Option<Permit> {
        let mut taken = self.taken();
        let same = taken.iter().filter(|other| **other == client).count();
        if taken.len() >= self.0.max || same >= self.0.max - self.0.max / 8 {
            return None;
        }
        taken.push(client);
        Some(Permit { permits: self.clone(), client })
    }

    /// Waits until all permits are back, for `timeout` at the most. Returns how many are missing.
    pub fn wait(&self, timeout: Duration) -> usize {
        let is_taken = |taken: &mut Vec<IpAddr>| !taken.is_empty();
        let result = self.0.returned.wait_timeout_while(self.taken(), timeout, is_taken);
        result.unwrap_or_else(PoisonError::into_inner).0.len()
    }

    /// Locks the list. A panic cannot leave it half changed.
    fn taken(&self) -> MutexGuard<'_, Vec<IpAddr>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken();
        if let Some(position) = taken.iter().position(|client| *client == self.client) {
            taken.swap_remove(position);
        }
        self.permits.0.returned.notify_all();
    }
}
