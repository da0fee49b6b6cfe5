//! SIGKILL, exactly at every arrow of a run and at random: the shipped binary with its journal on disk, a real RabbitMQ, and a
//! simulator that counts. Whoever comes after the dead worker finishes its runs, and sends nothing that is known again.

#[path = "../support/mod.rs"]
mod support;

mod arrows;
mod case;
mod course;
mod evidence;
mod ground;
mod mixture;
mod random;
mod standing;
mod tree;
