//! Tests this repository's programs against real third-party programs.

mod assumed_role;
mod centralized_sampling;
mod demo;
mod emulator_classic;
mod emulator_managed;
mod lambda_extension;
mod moto;
mod node_sdk;
mod packaging;
mod python_sdk;
mod sandbox;
mod simulator;
mod x_ray_api;
