"""BibTeX of the papers that more than one dataset comes from."""

from __future__ import annotations

CGCNN = """@article{xie2018,
  author = {Xie, Tian and Grossman, Jeffrey C.},
  title = {Crystal Graph Convolutional Neural Networks for an Accurate and Interpretable Prediction of Material Properties},
  journal = {Phys. Rev. Lett.}, volume = {120}, pages = {145301}, year = {2018}, doi = {10.1103/PhysRevLett.120.145301}
}"""

MATERIALS_PROJECT = """@article{jain2013,
  author = {Jain, Anubhav and Ong, Shyue Ping and Hautier, Geoffroy and Chen, Wei and Richards, William Davidson and
            Dacek, Stephen and Cholia, Shreyas and Gunter, Dan and Skinner, David and Ceder, Gerbrand and Persson, Kristin A.},
  title = {Commentary: The Materials Project: A materials genome approach to accelerating materials innovation},
  journal = {APL Mater.}, volume = {1}, pages = {011002}, year = {2013}, doi = {10.1063/1.4812323}
}"""

MATDEEPLEARN = """@article{fung2021,
  author = {Fung, Victor and Zhang, Jiaxin and Juarez, Eric and Sumpter, Bobby G.},
  title = {Benchmarking graph neural networks for materials chemistry},
  journal = {npj Comput. Mater.}, volume = {7}, pages = {84}, year = {2021}, doi = {10.1038/s41524-021-00554-0}
}"""
