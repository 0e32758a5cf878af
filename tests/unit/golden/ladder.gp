# What each step adds: red costs more, green less, grey cannot be told from nothing
# Redraw: gnuplot ladder.gp
here = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] {
        if (ARG0[i:i] eq '/') { here = ARG0[1:i] }
    }
}
data = here.'ladder.dat'
set encoding utf8
set terminal svg name 'ladder' size 820,704 dynamic noenhanced background '#ffffff' font 'sans-serif,13'
set output here.'ladder.svg'
set border 3 lc rgb '#808080'
set tics nomirror out scale 0.6 textcolor lt -1
set grid lt 1 lw 0.4 lc rgb '#B0B0B0'
set xlabel offset 0,0.4
unset key
set label 'What each step adds: red costs more, green less, grey cannot be told from nothing' at screen 0.0146, screen 0.9688 left font ',15'
set logscale x
set multiplot
set arrow from 1, graph 0 to 1, graph 1 nohead lw 1.2 lc rgb '#808080' back
set lmargin at screen 0.1927
set rmargin at screen 0.4268
set tmargin at screen 0.8892
set bmargin at screen 0.7543
set label 'start.total.time (test (emulated))' at screen 0.0146, screen 0.9091 left font ',12'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.795917:1761.22]
set yrange [4.6:-0.6]
set xtics ('1' 1, '10' 10, '100' 100, '1000' 1000) font 'sans-serif,11' offset 0,0.3
plot data index 0 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 0 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 0 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 0 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 0 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 0 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.6927
set rmargin at screen 0.9268
set tmargin at screen 0.8892
set bmargin at screen 0.7543
set label 'net.stream.rate down (test (emulated))' at screen 0.5146, screen 0.9091 left font ',12'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.894289:25.6223]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20) font 'sans-serif,11' offset 0,0.3
plot data index 1 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 1 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 1 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 1 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 1 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 1 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.1927
set rmargin at screen 0.4268
set tmargin at screen 0.6634
set bmargin at screen 0.5284
set label 'net.stream.rate up (test (emulated))' at screen 0.0146, screen 0.6832 left font ',12'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.898237:21.5851]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20) font 'sans-serif,11' offset 0,0.3
plot data index 2 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 2 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 2 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 2 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 2 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 2 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.6927
set rmargin at screen 0.9268
set tmargin at screen 0.6634
set bmargin at screen 0.5284
set label 'mem.chase.latency 16K (test (emulated))' at screen 0.5146, screen 0.6832 left font ',12'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.904756:21.4451]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20) font 'sans-serif,11' offset 0,0.3
plot data index 3 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 3 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 3 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 3 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 3 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 3 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.1927
set rmargin at screen 0.4268
set tmargin at screen 0.4375
set bmargin at screen 0.3026
set label 'mem.fault.time (test (emulated))' at screen 0.0146, screen 0.4574 left font ',12'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.914428:13.4413]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10) font 'sans-serif,11' offset 0,0.3
plot data index 4 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 4 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 4 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 4 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 4 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 4 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.6927
set rmargin at screen 0.9268
set tmargin at screen 0.4375
set bmargin at screen 0.3026
set label 'fs.meta.time stat (test (emulated))' at screen 0.5146, screen 0.4574 left font ',12'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.917522:11.2492]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10) font 'sans-serif,11' offset 0,0.3
plot data index 5 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 5 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 5 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 5 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 5 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 5 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.1927
set rmargin at screen 0.4268
set tmargin at screen 0.2116
set bmargin at screen 0.0767
set label 'ctl.syscall.time (test (emulated))' at screen 0.0146, screen 0.2315 left font ',12'
set xlabel 'cost relative to the foot (log scale)' font ',11'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.918008:11.1254]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10) font 'sans-serif,11' offset 0,0.3
plot data index 6 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 6 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 6 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 6 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 6 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 6 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
set lmargin at screen 0.6927
set rmargin at screen 0.9268
set tmargin at screen 0.2116
set bmargin at screen 0.0767
set label 'mem.chase.latency 256K (test (emulated))' at screen 0.5146, screen 0.2315 left font ',12'
set xlabel 'cost relative to the foot (log scale)' font ',11'
set ytics ('own cgroup' 0, 'namespaces, overlayfs' 1, '(other wires)' 2, 'a machine' 3, 'the whole' 4) font 'sans-serif,11'
set xrange [0.923354:10.6633]
set yrange [4.6:-0.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10) font 'sans-serif,11' offset 0,0.3
plot data index 7 using ($6 == 0 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#808080', \
     data index 7 using ($6 == 1 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#D55E00', \
     data index 7 using ($6 == 2 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#009E73', \
     data index 7 using ($6 == 3 ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror fs solid 0.8 noborder lc rgb '#0072B2', \
     data index 7 using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \
     data index 7 using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels left offset 0.6,0 font ',11'
unset label
unset multiplot
