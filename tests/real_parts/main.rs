//! Tests this repository's programs against real third-party programs.

mod assumed_role;
mod demo;
mod emulator_classic;
mod emulator_managed;
mod moto;
mod packaging;
mod python_sampling;
mod python_sdk;
mod sandbox;
mod simulator;
mod x_ray_api;
