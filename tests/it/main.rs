//! End-to-end tests: they speak HTTP only, against the functions of `template.yaml` on embedded parts.

mod access;
mod contract;
mod guide;
mod hostile;
mod lists;
mod orders;
mod slice;
