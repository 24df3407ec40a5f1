//! The semaphore: as many permits as it has, seven of eight for one address, and a wait for all of them.
#![allow(dead_code)]

#[path = "../src/permits.rs"]
mod permits;

use permits::Permits;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::Duration;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

#[test]
fn one_address_gets_seven_of_eight() {
    let permits = Permits::new(16);
    let mut held: Vec<_> = (0..16).map_while(|_| permits.try_acquire(ONE)).collect();
    assert_eq!(held.len(), 14);
    held.extend((0..16).map_while(|_| permits.try_acquire(OTHER)));
    assert_eq!(held.len(), 16);
    // A permit that comes back can be taken again, by the same address if it has room.
    held.remove(0);
    assert!(permits.try_acquire(ONE).is_some());
    assert_eq!(permits.wait(Duration::ZERO), 15);
}

#[test]
fn a_few_permits_are_for_any_address() {
    let permits = Permits::new(3);
    let held: Vec<_> = (0..5).map_while(|_| permits.try_acquire(ONE)).collect();
    assert_eq!(held.len(), 3);
}

#[test]
fn waits_for_the_last_permit() {
    let permits = Permits::new(2);
    let permit = permits.try_acquire(ONE);
    let other = thread::spawn({
        let permits = permits.clone();
        move || permits.wait(Duration::from_secs(60))
    });
    drop(permit);
    assert_eq!(other.join().expect("a thread"), 0);
}
