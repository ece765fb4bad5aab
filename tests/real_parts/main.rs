//! The parts of this repository against real parts that others made.

mod demo;
mod emulator_classic;
mod emulator_managed;
mod moto;
mod packaging;
mod python_sdk;
mod sandbox;
mod simulator;
mod x_ray_api;
