"""Which tests ``--device cuda`` leaves out, and why: a part of the test's id, and the reason."""

from __future__ import annotations

HOST_MEMORY = "it is about memory that tensors share with NumPy arrays, which only those on the CPU do"
NUMPY_CALLS = "it hands tensors to NumPy's functions, which take those on the CPU"
PRINTED = "it compares printed text, in which tensors on cuda name their device"
NAMES_CPU = "it is about the CPU by name"
PROCESSES = "it starts processes, in which tensors lie on the CPU as ever"
EXCHANGE = "the stand-in's memory cannot be exchanged with other libraries"

EXCEPTIONS = {
    "test_cuda.py": "it is about machines without a GPU",
    "test_backends.py::test_without_an_accelerator": "it is about machines without a GPU",
    "test_stand_in.py": "it installs the stand-in itself",
    "test_cuda_": "it installs the stand-in itself",
    "test_data_workers.py": "workers make batches on the CPU, in processes of their own",
    "test_data_processes.py": PROCESSES,
    "test_data_optional.py::test_the_library_imports": PROCESSES,
    "test_import.py": PROCESSES,
    "test_memory.py::test_steps": PROCESSES,
    "test_cupy_names.py": "it reads source text",
    "test_examples.py": "examples have an option of their own for the device; test_cuda_stand_in.py runs one with it",
    "test_readme.py": "README's examples are for the CPU",
    "test_benchmarks.py": "benchmarks have an option of their own for the device",
    "test_primitives_": "primitives are called with NumPy arrays; test_cuda_kernels.py has device arrays",
    "test_beginners_tour.py::test_autograd_tour": PRINTED,
    "test_beginners_tour.py::test_tensor_tour": PRINTED,
    "test_beginners_tour.py::test_classifier_tour": "batches of a DataLoader lie on the CPU, as in PyTorch",
    "test_trajectories.py": "hundreds of steps are too long for the stand-in; test_cuda_budget.py trains a few",
    "test_printing.py::test_notes_on_gradients_and_devices": NAMES_CPU,
    "test_printing.py::test_parameter_and_derived_classes": PRINTED,
    "test_creation.py::test_from_numpy_shares_memory": HOST_MEMORY,
    "test_creation.py::test_as_tensor_and_asarray_share_where_they_can": HOST_MEMORY,
    "test_creation.py::test_operators_with_numpy_operands": "a NumPy array counts as a tensor on the CPU",
    "test_creation.py::test_dlpack": EXCHANGE,
    "test_creation.py::test_legacy_constructors": "FloatTensor is the type of tensors on the CPU",
    "test_creation.py::test_devices": NAMES_CPU,
    "test_embedding.py::test_from_pretrained": HOST_MEMORY,
    "test_rnn.py::test_gradients_of_two_orders": "it builds a PackedSequence, whose batch sizes must lie on the CPU",
    "test_rnn_utils.py::test_a_packed_sequence_is_a_tuple_of_four": NAMES_CPU,
    "test_serialization.py::test_views_share_memory_again": NUMPY_CALLS,
    "test_serialization_files.py::test_huge_files_use_64_bit_fields": NUMPY_CALLS,
    "test_serialization_safetensors.py::test_safetensors_round_trip": NUMPY_CALLS,
}


def reason_for(test_id: str) -> str | None:
    """Why the test with this id is left out; ``None``: it runs."""
    return next((reason for part, reason in EXCEPTIONS.items() if part in test_id), None)
