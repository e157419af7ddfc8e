//! End-to-end tests: they speak HTTP only, against the functions of `template.yaml` on embedded parts.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what is missing fails the test")]

mod access;
mod accounting;
mod agents;
mod contract;
mod corrections;
mod dead_letters;
mod decisions;
mod deliveries;
mod diff;
mod guide;
mod hostile;
mod journeys;
mod learning;
mod ledger;
mod lists;
mod logs;
mod missing;
mod models;
mod orders;
mod origins;
mod owner;
mod published;
mod refunds;
mod repeats;
mod reports;
mod schedules;
mod slice;
